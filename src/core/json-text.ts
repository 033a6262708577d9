const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const EXPECTED_VALUE =
  "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/**
 * Says what is wrong with a JSON text, or `undefined` when it is valid (RFC 8259, UTF-8). It walks the bytes and
 * builds nothing, so that checking a payload costs no garbage. The words are those of the Java parser that AWS uses.
 */
export function findJsonError(text: Uint8Array): string | undefined {
  const scanner = new JsonScanner(text);
  return scanner.run() ? undefined : scanner.describeFailure();
}

class JsonScanner {
  readonly #text: Uint8Array;
  #position = 0;
  #expectation = EXPECTED_VALUE;
  /** One entry per open bracket: true for an object. */
  readonly #open: boolean[] = [];

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  run(): boolean {
    for (;;) {
      this.#skipSpace();
      const opened = this.#value();
      if (opened === undefined) return false;
      if (opened) continue;
      if (!this.#afterValue()) return false;
      if (this.#open.length === 0) return this.#atEnd();
    }
  }

  describeFailure(): string {
    const byte = this.#text[this.#position];
    if (byte === undefined) return `Unexpected end-of-input: ${this.#expectation}`;
    const token = this.#expectation === EXPECTED_VALUE ? this.#tokenHere() : "";
    if (token !== "") {
      return `Unrecognized token '${token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')`;
    }
    return `Unexpected character ('${String.fromCharCode(byte)}' (code ${byte})): ${this.#expectation}`;
  }

  #tokenHere(): string {
    let end = this.#position;
    while (isWordByte(this.#text[end]) && end - this.#position < 64) end++;
    return isLetter(this.#text[this.#position])
      ? Buffer.from(this.#text.subarray(this.#position, end)).toString("latin1")
      : "";
  }

  /** True when the value opened a bracket whose first element comes next, false when complete, undefined on error. */
  #value(): boolean | undefined {
    this.#expectation = EXPECTED_VALUE;
    const byte = this.#text[this.#position];
    switch (byte) {
      case QUOTE:
        return this.#string() ? false : undefined;
      case OPEN_OBJECT:
        return this.#openObject();
      case OPEN_ARRAY:
        this.#position++;
        this.#skipSpace();
        if (this.#text[this.#position] === CLOSE_ARRAY) {
          this.#position++;
          return false;
        }
        this.#open.push(false);
        return true;
      case 0x74:
        return this.#literal(TRUE);
      case 0x66:
        return this.#literal(FALSE);
      case 0x6e:
        return this.#literal(NULL);
      default:
        return this.#number() ? false : undefined;
    }
  }

  #openObject(): boolean | undefined {
    this.#position++;
    this.#skipSpace();
    if (this.#text[this.#position] === CLOSE_OBJECT) {
      this.#position++;
      return false;
    }
    this.#open.push(true);
    return this.#name() ? true : undefined;
  }

  /** Member name and colon. */
  #name(): boolean {
    this.#expectation = "was expecting double-quote to start field name";
    if (this.#text[this.#position] !== QUOTE || !this.#string()) return false;
    this.#skipSpace();
    this.#expectation = "was expecting a colon to separate field name and value";
    if (this.#text[this.#position] !== COLON) return false;
    this.#position++;
    return true;
  }

  /** Closes brackets that end here and takes the comma before the next element. */
  #afterValue(): boolean {
    while (this.#open.length > 0) {
      this.#skipSpace();
      const inObject = this.#open[this.#open.length - 1] === true;
      const byte = this.#text[this.#position];
      if (byte === COMMA) {
        this.#position++;
        if (!inObject) return true;
        this.#skipSpace();
        return this.#name();
      }
      if (byte !== (inObject ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        this.#expectation = `was expecting comma to separate ${inObject ? "Object" : "Array"} entries`;
        return false;
      }
      this.#position++;
      this.#open.pop();
    }
    return true;
  }

  #atEnd(): boolean {
    this.#skipSpace();
    this.#expectation = "was expecting the end of the document";
    return this.#position === this.#text.length;
  }

  #skipSpace(): void {
    const text = this.#text;
    let position = this.#position;
    for (;;) {
      const byte = text[position];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
      position++;
    }
    this.#position = position;
  }

  #string(): boolean {
    const text = this.#text;
    let position = this.#position + 1;
    for (;;) {
      const byte = text[position];
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) {
        const length = escapeLength(text, position);
        if (length === 0) return this.#failAt(position, "unrecognized character escape");
        position += length;
        continue;
      }
      if (byte === undefined || byte < 0x20) {
        return this.#failAt(position, "was expecting closing quote for a string value");
      }
      position++;
    }
    this.#position = position + 1;
    return true;
  }

  #failAt(position: number, expectation: string): false {
    this.#position = position;
    this.#expectation = expectation;
    return false;
  }

  #literal(word: readonly number[]): false | undefined {
    const start = this.#position;
    for (let index = 0; index < word.length; index++) {
      if (this.#text[start + index] !== word[index]) return undefined;
    }
    if (isWordByte(this.#text[start + word.length])) return undefined;
    this.#position = start + word.length;
    return false;
  }

  #number(): boolean {
    const text = this.#text;
    let position = this.#position;
    if (text[position] === 0x2d) position++;
    if (text[position] === 0x30) position++;
    else if (isDigit(text[position])) position = skipDigits(text, position);
    else return false;
    if (text[position] === 0x2e) {
      if (!isDigit(text[position + 1]))
        return this.#failAt(position + 1, "Decimal point not followed by a digit");
      position = skipDigits(text, position + 1);
    }
    if (text[position] === 0x65 || text[position] === 0x45) {
      position++;
      if (text[position] === 0x2b || text[position] === 0x2d) position++;
      if (!isDigit(text[position])) {
        return this.#failAt(position, "Exponent indicator not followed by a digit");
      }
      position = skipDigits(text, position);
    }
    if (isWordByte(text[position]))
      return this.#failAt(position, "Expected space separating root-level values");
    this.#position = position;
    return true;
  }
}

const bytesOf = (word: string): readonly number[] => [...Buffer.from(word)];
const TRUE = bytesOf("true");
const FALSE = bytesOf("false");
const NULL = bytesOf("null");
const SIMPLE_ESCAPES: ReadonlySet<number> = new Set(bytesOf('"\\/bfnrt'));

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

const isLetter = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a));

const isWordByte = (byte: number | undefined): boolean => isLetter(byte) || isDigit(byte) || byte === 0x5f;

function skipDigits(text: Uint8Array, from: number): number {
  let position = from;
  while (isDigit(text[position])) position++;
  return position;
}

/** Bytes of the escape that starts at the backslash, 0 when it is none. */
function escapeLength(text: Uint8Array, position: number): number {
  const kind = text[position + 1];
  if (kind === undefined) return 0;
  if (SIMPLE_ESCAPES.has(kind)) return 2;
  if (kind !== 0x75) return 0;
  for (let index = 2; index < 6; index++) {
    if (!isHexDigit(text[position + index])) return 0;
  }
  return 6;
}

const isHexDigit = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
