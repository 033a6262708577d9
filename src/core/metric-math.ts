/** Values of a metric by time, and the periods that it could have values in. */
export interface TimeSeries {
  readonly values: ReadonlyMap<number, number>;
  readonly periods: { readonly startMs: number; readonly endMs: number; readonly periodMs: number };
}

export type MathValue = number | TimeSeries | readonly TimeSeries[];

/** What an expression may speak of. */
export interface MathScope {
  /** `undefined` when there is no such id. */
  variable(id: string): MathValue | undefined;
  /** METRICS(): every metric of the request. */
  metrics(): readonly TimeSeries[];
}

/** Says what is wrong with an expression, in a sentence for whoever wrote it. */
export class MetricMathError extends Error {
  override name = "MetricMathError";
  /** AWS would take it; this implementation does not. */
  readonly unsupported: string | undefined;

  constructor(message: string, unsupported?: string) {
    super(message);
    this.unsupported = unsupported;
  }
}

const NESTING_MAX = 50;
const TOKEN = /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(["'].*?["'])|(.))/gy;

/**
 * Evaluates CloudWatch metric math: `+ - * /`, unary minus, parentheses, arrays, and SUM, AVG, MIN, MAX, ABS, FILL and
 * METRICS. AWS: an operation of two series has values only where both have one, and drops what is no number.
 */
export function evaluateMetricMath(expression: string, scope: MathScope): MathValue {
  if (/^\s*SELECT\b/i.test(expression)) throw unsupported("A Metrics Insights query");
  return new Evaluation(tokensOf(expression), scope).result();
}

interface Token {
  readonly kind: "number" | "name" | "text" | "sign";
  readonly text: string;
}

function tokensOf(expression: string): Token[] {
  return [...expression.trim().matchAll(TOKEN)].map(([, number, name, text, sign = ""]): Token => {
    if (number !== undefined) return { kind: "number", text: number };
    if (name !== undefined) return { kind: "name", text: name };
    return text === undefined ? { kind: "sign", text: sign } : { kind: "text", text };
  });
}

class Evaluation {
  readonly #tokens: readonly Token[];
  readonly #scope: MathScope;
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], scope: MathScope) {
    this.#tokens = tokens;
    this.#scope = scope;
  }

  result(): MathValue {
    const value = this.#sum();
    const rest = this.#tokens[this.#next];
    if (rest !== undefined) throw rest.kind === "sign" ? this.#unexpected(rest) : unexpectedText(rest);
    return value;
  }

  #sum(): MathValue {
    let left = this.#product();
    for (;;) {
      if (this.#takes("+")) left = combine(left, this.#product(), (a, b) => a + b);
      else if (this.#takes("-")) left = combine(left, this.#product(), (a, b) => a - b);
      else return left;
    }
  }

  #product(): MathValue {
    let left = this.#factor();
    for (;;) {
      if (this.#takes("*")) left = combine(left, this.#factor(), (a, b) => a * b);
      else if (this.#takes("/")) left = combine(left, this.#factor(), (a, b) => a / b);
      else return left;
    }
  }

  #factor(): MathValue {
    if (++this.#depth > NESTING_MAX) throw new MetricMathError("The expression is nested too deeply");
    try {
      if (this.#takes("-")) return combine(-1, this.#factor(), (a, b) => a * b);
      return this.#primary();
    } finally {
      this.#depth--;
    }
  }

  #primary(): MathValue {
    const token = this.#tokens[this.#next++];
    if (token === undefined) throw new MetricMathError("Unexpected end of expression");
    if (token.kind === "number") return Number(token.text);
    if (token.kind === "text") throw unexpectedText(token);
    if (token.text === "(") {
      const value = this.#sum();
      this.#expect(")");
      return value;
    }
    if (token.text === "[") return this.#list("]").flatMap(seriesOf);
    if (token.kind === "sign") throw this.#unexpected(token);
    if (this.#takes("(")) {
      if (!isFunction(token.text)) throw unsupported(`The metric math function ${token.text}`);
      return call(token.text, this.#list(")"), this.#scope);
    }
    const value = this.#scope.variable(token.text);
    if (value === undefined) throw new MetricMathError(`Undefined variable ${token.text}`);
    return value;
  }

  #list(end: string): MathValue[] {
    const items: MathValue[] = [];
    if (this.#takes(end)) return items;
    do items.push(this.#sum());
    while (this.#takes(","));
    this.#expect(end);
    return items;
  }

  #takes(sign: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== "sign" || token.text !== sign) return false;
    this.#next++;
    return true;
  }

  #expect(sign: string): void {
    if (this.#takes(sign)) return;
    const token = this.#tokens[this.#next];
    throw token === undefined ? new MetricMathError(`Missing ${sign}`) : this.#unexpected(token);
  }

  #unexpected({ text }: Token): MetricMathError {
    if (["<", ">", "=", "&", "|", "^", "!"].includes(text)) return unsupported(`The operator ${text}`);
    return new MetricMathError(`Unexpected ${text}`);
  }
}

function unexpectedText({ kind, text }: Token): MetricMathError {
  return kind === "text" ? unsupported("Text in an expression") : new MetricMathError(`Unexpected ${text}`);
}

const unsupported = (what: string): MetricMathError => new MetricMathError(`${what} is not supported`, what);

const isSeries = (value: MathValue): value is TimeSeries => typeof value === "object" && "periods" in value;

/** The series of a value; a number is none. */
export function seriesOf(value: MathValue): readonly TimeSeries[] {
  if (typeof value === "number") throw new MetricMathError("A time series is needed, not a number");
  return isSeries(value) ? [value] : value;
}

type Operation = (left: number, right: number) => number;

function combine(left: MathValue, right: MathValue, operation: Operation): MathValue {
  if (typeof left === "number" && typeof right === "number") return operation(left, right);
  if (typeof left === "number") return mapAll(right, (value) => operation(left, value));
  if (typeof right === "number") return mapAll(left, (value) => operation(value, right));
  if (isSeries(left) && isSeries(right)) return combineSeries(left, right, operation);
  if (isSeries(left)) return seriesOf(right).map((each) => combineSeries(left, each, operation));
  if (isSeries(right)) return left.map((each) => combineSeries(each, right, operation));
  throw unsupported("An operation on two arrays");
}

function combineSeries(left: TimeSeries, right: TimeSeries, operation: Operation): TimeSeries {
  const pairs = [...left.values].map(([at, value]): [number, number] => {
    const other = right.values.get(at);
    return [at, other === undefined ? Number.NaN : operation(value, other)];
  });
  return { values: new Map(pairs.filter(([, value]) => Number.isFinite(value))), periods: left.periods };
}

function mapAll(value: MathValue, change: (value: number) => number): MathValue {
  if (typeof value === "number") return change(value);
  const changed = seriesOf(value).map(({ values, periods }) => ({
    values: new Map([...values].map(([at, old]): [number, number] => [at, change(old)]).filter(isFinitePair)),
    periods,
  }));
  return isSeries(value) ? (changed[0] ?? value) : changed;
}

const isFinitePair = ([, value]: readonly [number, number]): boolean => Number.isFinite(value);

const REDUCTIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  SUM: (values) => values.reduce((sum, value) => sum + value, 0),
  AVG: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  MIN: (values) => values.reduce((least, value) => Math.min(least, value)),
  MAX: (values) => values.reduce((most, value) => Math.max(most, value)),
};

const isFunction = (name: string): boolean =>
  Object.hasOwn(REDUCTIONS, name) || ["ABS", "METRICS", "FILL"].includes(name);

function call(name: string, parameters: readonly MathValue[], scope: MathScope): MathValue {
  const [first, second] = parameters;
  const reduction = Object.hasOwn(REDUCTIONS, name) ? REDUCTIONS[name] : undefined;
  if (reduction !== undefined && first !== undefined && parameters.length === 1)
    return reduce(first, reduction);
  if (name === "ABS" && first !== undefined && parameters.length === 1) return mapAll(first, Math.abs);
  if (name === "METRICS" && parameters.length === 0) return scope.metrics();
  if (name === "FILL" && first !== undefined && typeof second === "number" && parameters.length === 2)
    return fill(first, second);
  throw new MetricMathError(`${name} does not take these parameters`);
}

/** AWS: of one series a number, of an array a series. */
function reduce(value: MathValue, reduction: (values: readonly number[]) => number): MathValue {
  if (typeof value === "number") return value;
  if (isSeries(value)) return value.values.size === 0 ? Number.NaN : reduction([...value.values.values()]);
  const [first] = value;
  if (first === undefined) throw new MetricMathError("An array without a time series");
  const times = new Set(value.flatMap(({ values }) => [...values.keys()]));
  const reduced = [...times].map((at): [number, number] => {
    const there = value.map(({ values }) => values.get(at)).filter((found) => found !== undefined);
    return [at, reduction(there)];
  });
  return { values: new Map(reduced.sort(([left], [right]) => left - right)), periods: first.periods };
}

function fill(value: MathValue, filler: number): MathValue {
  const filled = seriesOf(value).map(({ values, periods }) => {
    const { startMs, endMs, periodMs } = periods;
    const all = new Map<number, number>();
    for (let at = startMs; at < endMs; at += periodMs) all.set(at, values.get(at) ?? filler);
    return { values: all, periods };
  });
  return isSeries(value) ? (filled[0] ?? value) : filled;
}
