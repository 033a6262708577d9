import { type FilterOperator, InvalidFilterPattern } from "./filter-value.ts";

/** Reads the text of a filter pattern from left to right. */
export class FilterScanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    this.skipSpace();
    return this.#position >= this.#text.length;
  }

  get position(): number {
    return this.#position;
  }

  /** What has been read since that position. */
  readFrom(position: number): string {
    return this.#text.slice(position, this.#position);
  }

  skipSpace(): void {
    while (/\s/.test(this.#text[this.#position] ?? "x")) this.#position++;
  }

  /** Takes the text when it comes next, white space apart. */
  takes(expected: string): boolean {
    this.skipSpace();
    if (!this.#text.startsWith(expected, this.#position)) return false;
    this.#position += expected.length;
    return true;
  }

  expect(expected: string): void {
    if (!this.takes(expected)) throw new InvalidFilterPattern(`${expected} expected at ${this.#position}`);
  }

  /** Takes a keyword, whatever its case. */
  takesWord(word: string): boolean {
    this.skipSpace();
    const found = this.#text.slice(this.#position, this.#position + word.length);
    if (found.toUpperCase() !== word || /\w/.test(this.#text[this.#position + word.length] ?? ""))
      return false;
    this.#position += word.length;
    return true;
  }

  /** The longest run that the expression (sticky) accepts here; `undefined` when it accepts nothing. */
  run(expression: RegExp): string | undefined {
    this.skipSpace();
    const sticky = new RegExp(expression.source, "sy");
    sticky.lastIndex = this.#position;
    const found = sticky.exec(this.#text)?.[0];
    if (found === undefined || found === "") return undefined;
    this.#position += found.length;
    return found;
  }

  operator(): FilterOperator | undefined {
    return this.run(/<=|>=|!=|=|<|>/) as FilterOperator | undefined;
  }

  /** A quoted text (with `\"` inside), a regular expression between `%`, or a bare run of `bare`. */
  literal(bare: RegExp): { text: string; quoted: boolean } {
    const quoted = this.run(/"(?:[^"\\]|\\.)*"/);
    if (quoted !== undefined) return { text: unquote(quoted), quoted: true };
    const text = this.run(/%(?:[^%\\]|\\.)+%/) ?? this.run(bare);
    if (text === undefined) throw new InvalidFilterPattern(`value expected at ${this.#position}`);
    return { text, quoted: false };
  }
}

/** The text between quotes, with escaped quotes and backslashes resolved. */
export function unquote(quoted: string): string {
  return quoted.slice(1, -1).replaceAll(/\\(["\\])/g, "$1");
}
