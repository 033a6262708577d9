/** Values that stand in one bin differ by less than this factor, so that a percentile is exact to half of it. */
const BIN_FACTOR = 1.05;
const LOG_FACTOR = Math.log(BIN_FACTOR);
/** The bin of zero, below every other. */
const ZERO_BIN = -100_000;
/** Bins of one aggregate; with more the distribution is given up, the statistics stay. */
const BINS_MAX = 500;

/** As it is stored: count, sum, minimum, maximum, then bin and count in turn, or `null` where there is no distribution. */
export type StoredAggregate = readonly [
  count: number,
  sum: number,
  min: number,
  max: number,
  bins: readonly number[] | null,
];

/** What is known of the values of a metric in a span of time: AWS's statistic set, and their distribution where they came one by one. */
export class MetricAggregate {
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  #bins: Map<number, number> | undefined = new Map();

  /** `times` values. Allocates nothing for a value like an earlier one. */
  add(value: number, times = 1): void {
    if (times <= 0) return;
    this.#note(times, value * times, value, value);
    this.#addToBin(binOf(value), times);
  }

  /** A statistic set: without its values there are no percentiles, unless they were all the same. */
  addSet(set: { count: number; sum: number; min: number; max: number }): void {
    if (set.count <= 0) return;
    this.#note(set.count, set.sum, set.min, set.max);
    if (set.min === set.max) this.#addToBin(binOf(set.min), set.count);
    else this.#bins = undefined;
  }

  merge(other: MetricAggregate): void {
    if (other.count === 0) return;
    this.#note(other.count, other.sum, other.min, other.max);
    if (other.#bins === undefined) this.#bins = undefined;
    else for (const [bin, times] of other.#bins) this.#addToBin(bin, times);
  }

  get average(): number {
    return this.sum / this.count;
  }

  /** By nearest rank, `undefined` where the values are not known or, as with AWS, some are negative. */
  percentile(percent: number): number | undefined {
    if (this.#bins === undefined || this.count === 0) return undefined;
    if (percent <= 0) return this.min;
    if (percent >= 100) return this.max;
    const rank = (percent / 100) * this.count;
    let seen = 0;
    for (const [bin, times] of [...this.#bins].sort(([left], [right]) => left - right)) {
      seen += times;
      if (seen >= rank) return Math.min(this.max, Math.max(this.min, middleOf(bin)));
    }
    return this.max;
  }

  encode(): StoredAggregate {
    const bins = this.#bins === undefined ? null : [...this.#bins].flat();
    return [this.count, this.sum, this.min, this.max, bins];
  }

  static decode([count, sum, min, max, bins]: StoredAggregate): MetricAggregate {
    const aggregate = new MetricAggregate();
    aggregate.#note(count, sum, min, max);
    if (bins === null) aggregate.#bins = undefined;
    else
      for (let index = 0; index < bins.length; index += 2)
        aggregate.#addToBin(bins[index] ?? 0, bins[index + 1] ?? 0);
    return aggregate;
  }

  #note(count: number, sum: number, min: number, max: number): void {
    this.count += count;
    this.sum += sum;
    if (min < this.min) this.min = min;
    if (max > this.max) this.max = max;
  }

  #addToBin(bin: number | undefined, times: number): void {
    const bins = this.#bins;
    if (bins === undefined) return;
    if (bin === undefined || (bins.size >= BINS_MAX && !bins.has(bin))) this.#bins = undefined;
    else bins.set(bin, (bins.get(bin) ?? 0) + times);
  }
}

function binOf(value: number): number | undefined {
  if (value > 0) return Math.floor(Math.log(value) / LOG_FACTOR);
  return value === 0 ? ZERO_BIN : undefined;
}

const middleOf = (bin: number): number => (bin === ZERO_BIN ? 0 : Math.exp((bin + 0.5) * LOG_FACTOR));
