import { MetricAggregate } from "../core/metric-aggregate.ts";

/** Samples of a number that goes up and down. */
export class GaugeSamples {
  count = 0;
  sum = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;

  sample(value: number): void {
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }
}

/** What happened to the invocations of one deployment under one name, in one stretch of time. */
export class InvocationCounts {
  invocations = 0;
  errors = 0;
  throttles = 0;
  onProvisioned = 0;
  spilledOver = 0;
  readonly durationMs = new MetricAggregate();
  readonly concurrent = new GaugeSamples();
  readonly functionConcurrent = new GaugeSamples();
  readonly accountConcurrent = new GaugeSamples();
  readonly unreservedConcurrent = new GaugeSamples();
  readonly provisionedConcurrent = new GaugeSamples();
  readonly provisionedUse = new GaugeSamples();

  get isEmpty(): boolean {
    return this.invocations === 0 && this.throttles === 0 && this.concurrent.count === 0;
  }
}
