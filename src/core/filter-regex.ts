/** One character of a regular expression: what it accepts and how often. */
interface Step {
  readonly accepts: (character: string) => boolean;
  /** May be passed over. */
  readonly optional: boolean;
  /** May be taken again. */
  readonly repeats: boolean;
}

interface Alternative {
  readonly steps: readonly Step[];
  readonly fromStart: boolean;
  readonly toEnd: boolean;
}

const ALLOWED = /^[A-Za-z0-9:_#=@/;,\-^$?[\]{}|\\*+.\s"'%]*$/;
const REPEAT_MAX = 100;

/**
 * Compiles a regular expression of CloudWatch's filter patterns (`%…%`): characters, classes, `.`, escapes, the
 * quantifiers `? * + {m,n}`, alternatives and anchors; no groups. Matching takes time proportional to text and
 * pattern, whatever both contain. `undefined` when the expression is not one of these.
 */
export function compileFilterRegex(source: string): ((text: string) => boolean) | undefined {
  if (source === "" || !ALLOWED.test(source)) return undefined;
  const parser = new RegexParser(source);
  const alternatives: Alternative[] = [];
  do {
    const alternative = parser.alternative();
    if (alternative === undefined) return undefined;
    alternatives.push(alternative);
  } while (parser.takes("|"));
  if (!parser.atEnd) return undefined;
  return (text) => alternatives.some((alternative) => found(alternative, text));
}

function found({ steps, fromStart, toEnd }: Alternative, text: string): boolean {
  let states = new Set<number>();
  enter(steps, states, 0);
  if (states.has(steps.length) && (!toEnd || text === "")) return true;
  for (let index = 0; index < text.length; index++) {
    const character = text.charAt(index);
    const next = new Set<number>();
    if (!fromStart) enter(steps, next, 0);
    for (const state of states) {
      const step = steps[state];
      if (step === undefined || !step.accepts(character)) continue;
      enter(steps, next, state + 1);
      if (step.repeats) enter(steps, next, state);
    }
    if (next.has(steps.length) && (!toEnd || index === text.length - 1)) return true;
    if (next.size === 0) return false;
    states = next;
  }
  return false;
}

/** A state and all that can be reached from it without a character. */
function enter(steps: readonly Step[], states: Set<number>, state: number): void {
  for (let reached = state; !states.has(reached); reached++) {
    states.add(reached);
    if (steps[reached]?.optional !== true) return;
  }
}

const CLASSES: Readonly<Record<string, RegExp>> = {
  d: /\d/,
  D: /\D/,
  w: /\w/,
  W: /\W/,
  s: /\s/,
  S: /\S/,
};

class RegexParser {
  readonly #source: string;
  #position = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get atEnd(): boolean {
    return this.#position >= this.#source.length;
  }

  takes(character: string): boolean {
    if (this.#source[this.#position] !== character) return false;
    this.#position++;
    return true;
  }

  alternative(): Alternative | undefined {
    const fromStart = this.takes("^");
    const steps: Step[] = [];
    while (!this.atEnd && this.#source[this.#position] !== "|") {
      if (this.takes("$")) {
        return this.atEnd || this.#source[this.#position] === "|"
          ? { steps, fromStart, toEnd: true }
          : undefined;
      }
      const accepts = this.#atom();
      const repeated = accepts && this.#quantified(accepts);
      if (repeated === undefined) return undefined;
      steps.push(...repeated);
    }
    return { steps, fromStart, toEnd: false };
  }

  #atom(): Step["accepts"] | undefined {
    const character = this.#source.charAt(this.#position++);
    if (character === ".") return () => true;
    if (character === "[") return this.#class();
    if (character === "\\") return this.#escape();
    if ("?*+{}]^".includes(character)) return undefined;
    return (candidate) => candidate === character;
  }

  #escape(): Step["accepts"] | undefined {
    const character = this.#source.charAt(this.#position++);
    if (character === "") return undefined;
    if (character === "x") {
      const code = /^[0-9a-fA-F]{2}/.exec(this.#source.slice(this.#position))?.[0];
      if (code === undefined) return undefined;
      this.#position += 2;
      const expected = String.fromCharCode(Number.parseInt(code, 16));
      return (candidate) => candidate === expected;
    }
    const group = CLASSES[character];
    if (group !== undefined) return (candidate) => group.test(candidate);
    return (candidate) => candidate === character;
  }

  #class(): Step["accepts"] | undefined {
    const negated = this.takes("^");
    const members: Step["accepts"][] = [];
    while (!this.takes("]")) {
      if (this.atEnd) return undefined;
      const member = this.#classMember();
      if (member === undefined) return undefined;
      members.push(member);
    }
    return (candidate) => members.some((accepts) => accepts(candidate)) !== negated;
  }

  #classMember(): Step["accepts"] | undefined {
    if (this.takes("\\")) return this.#escape();
    const from = this.#source.charAt(this.#position++);
    const to = this.#source[this.#position + 1];
    if (this.#source[this.#position] !== "-" || to === undefined || to === "]")
      return (candidate) => candidate === from;
    this.#position += 2;
    return (candidate) => candidate >= from && candidate <= to;
  }

  #quantified(accepts: Step["accepts"]): Step[] | undefined {
    if (this.takes("?")) return [{ accepts, optional: true, repeats: false }];
    if (this.takes("*")) return [{ accepts, optional: true, repeats: true }];
    if (this.takes("+")) return [{ accepts, optional: false, repeats: true }];
    if (!this.takes("{")) return [{ accepts, optional: false, repeats: false }];
    const [whole, least = "", comma, most = ""] =
      /^(\d+)(,(\d*))?\}/.exec(this.#source.slice(this.#position)) ?? [];
    if (whole === undefined) return undefined;
    this.#position += whole.length;
    return repetition(accepts, Number(least), comma === undefined ? least : most);
  }
}

function repetition(accepts: Step["accepts"], least: number, most: string): Step[] | undefined {
  const max = most === "" ? least : Number(most);
  if (max < least || max > REPEAT_MAX) return undefined;
  const steps: Step[] = Array.from({ length: max }, (_, index) => ({
    accepts,
    optional: index >= least,
    repeats: false,
  }));
  if (most === "") steps.push({ accepts, optional: true, repeats: true });
  return steps;
}
