import { MetricAggregate } from "../core/metric-aggregate.ts";
import type { Clock } from "../ports/clock.ts";
import type { CountedUrl, UrlMetrics } from "../ports/url-metrics.ts";
import type { SeriesName } from "./metric-identity.ts";
import { MINUTE_MS } from "./metric-series.ts";
import type { MetricStore } from "./metric-store.ts";

const COLLECT_INTERVAL_MS = 5_000;

interface Tally {
  readonly requests: MetricAggregate;
  readonly class4xx: MetricAggregate;
  readonly class5xx: MetricAggregate;
  readonly latencyMs: MetricAggregate;
}

/**
 * The metrics of function URLs in AWS/Lambda, for the function and for the URL alone. Counted in memory, handed to the
 * store every few seconds and when a minute ends. See "CloudWatch metrics for function URLs".
 */
export class CountedUrls implements UrlMetrics {
  readonly #store: MetricStore;
  readonly #clock: Clock;
  readonly #tallies = new Map<CountedUrl, Tally>();
  #minuteMs = 0;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor({ store, clock }: { store: MetricStore; clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  request(url: CountedUrl, { status, latencyMs }: { status: number; latencyMs: number }): void {
    const nowMs = this.#clock.nowMs();
    const minuteMs = nowMs - (nowMs % MINUTE_MS);
    if (minuteMs !== this.#minuteMs) {
      this.collect();
      this.#minuteMs = minuteMs;
    }
    let tally = this.#tallies.get(url);
    if (tally === undefined) {
      tally = {
        requests: new MetricAggregate(),
        class4xx: new MetricAggregate(),
        class5xx: new MetricAggregate(),
        latencyMs: new MetricAggregate(),
      };
      this.#tallies.set(url, tally);
    }
    tally.requests.add(1);
    tally.class4xx.add(status >= 400 && status < 500 ? 1 : 0);
    tally.class5xx.add(status >= 500 ? 1 : 0);
    tally.latencyMs.add(latencyMs);
    if (!this.#closed)
      this.#cancelTimer ??= this.#clock.after(COLLECT_INTERVAL_MS, () => {
        this.#cancelTimer = undefined;
        this.collect();
      });
  }

  /** Hands everything counted so far to the store. */
  collect(): void {
    for (const [url, { requests, class4xx, class5xx, latencyMs }] of this.#tallies)
      for (const dimensions of dimensionsOf(url)) {
        const add = (metricName: string, unit: string, value: MetricAggregate): void => {
          const { account, region } = url;
          const name: SeriesName = { account, region, namespace: "AWS/Lambda", metricName, dimensions, unit };
          this.#store.add(name, this.#minuteMs, value);
        };
        add("UrlRequestCount", "Count", requests);
        add("Url4xxCount", "Count", class4xx);
        add("Url5xxCount", "Count", class5xx);
        add("UrlRequestLatency", "Milliseconds", latencyMs);
      }
    this.#tallies.clear();
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.collect();
  }
}

/** AWS: a function's own URL has the resource "name:$LATEST". */
function dimensionsOf({ functionName, qualifier }: CountedUrl): SeriesName["dimensions"][] {
  const ofFunction = { name: "FunctionName", value: functionName };
  return [[ofFunction], [ofFunction, { name: "Resource", value: `${functionName}:${qualifier}` }]];
}
