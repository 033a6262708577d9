import { compileEventPattern, type EventTest, InvalidEventPattern } from "../core/event-pattern.ts";
import type { StoredRecords } from "../event-delivery/stored-records.ts";
import { invalidEventPattern } from "./bus-errors.ts";
import { busId, type Owner, type StoredRule } from "./bus-records.ts";

/** Throws AWS's InvalidEventPatternException for what is no event pattern. */
export function checkEventPattern(text: string): EventTest {
  try {
    return compileEventPattern(text);
  } catch (error) {
    throw error instanceof InvalidEventPattern ? invalidEventPattern(error.message) : error;
  }
}

/** The rules of buses, compiled, kept current with what is stored. */
export class RuleMatching {
  readonly #byBus = new Map<string, Map<string, { rule: StoredRule; matches: EventTest }>>();

  constructor(rules: StoredRecords<StoredRule>) {
    for (const [id, rule] of rules.all()) this.#changed(id, rule);
    rules.onChange((id, rule) => this.#changed(id, rule));
  }

  /** The rules that an event on a bus is for: enabled, with targets, and matching; the event is parsed once. */
  matching(bus: Owner & { readonly name: string }, event: () => unknown): StoredRule[] {
    const rules = this.#byBus.get(busId(bus));
    if (rules === undefined) return [];
    const parsed = event();
    return [...rules.values()].filter(({ matches }) => matches(parsed)).map(({ rule }) => rule);
  }

  #changed(id: string, rule: StoredRule | undefined): void {
    const bus = id.slice(0, id.lastIndexOf("/"));
    const pattern = rule?.state === "DISABLED" ? undefined : rule?.eventPattern;
    if (rule === undefined || rule.targets.length === 0 || pattern === undefined) {
      this.#byBus.get(bus)?.delete(id);
      if (this.#byBus.get(bus)?.size === 0) this.#byBus.delete(bus);
      return;
    }
    const rules = this.#byBus.get(bus) ?? new Map();
    rules.set(id, { rule, matches: compileEventPattern(pattern) });
    this.#byBus.set(bus, rules);
  }
}
