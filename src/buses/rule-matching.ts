import { compileEventPattern, type EventMatcher } from "../core/event-pattern.ts";
import { invalidEventPattern } from "./bus-errors.ts";
import { busId, type Owner, type StoredRule } from "./bus-records.ts";
import type { StoredRecords } from "./stored-records.ts";

/** Throws AWS's InvalidEventPatternException for what is no event pattern. */
export function checkEventPattern(text: string): EventMatcher {
  const compiled = compileEventPattern(text);
  if ("problem" in compiled) throw invalidEventPattern(compiled.problem);
  return compiled;
}

/** The rules of buses, compiled, kept current with what is stored. */
export class RuleMatching {
  readonly #byBus = new Map<string, Map<string, { rule: StoredRule; matches: EventMatcher }>>();

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
    const matches = pattern === undefined ? undefined : compileEventPattern(pattern);
    if (rule === undefined || rule.targets.length === 0 || matches === undefined || "problem" in matches) {
      this.#byBus.get(bus)?.delete(id);
      if (this.#byBus.get(bus)?.size === 0) this.#byBus.delete(bus);
      return;
    }
    const rules = this.#byBus.get(bus) ?? new Map();
    rules.set(id, { rule, matches });
    this.#byBus.set(bus, rules);
  }
}
