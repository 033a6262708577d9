import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { PlatformMetrics } from "../../ports/metrics.ts";

/** Functions beyond this number share the label "other": a label per function must not grow without bound. */
export const FUNCTION_LABELS_MAX = 500;
const OTHER_FUNCTIONS = "other";

const INVOCATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5, 30, 120, 900];
const COLD_START_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const API_BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 10];

type Outcome = Parameters<PlatformMetrics["invocation"]>[0]["outcome"];

interface FunctionSeries {
  readonly outcomes: Map<Outcome, Counter.Internal>;
  readonly outcome: (outcome: Outcome) => Counter.Internal;
  readonly duration: Histogram.Internal<"function_name">;
}

interface ApiSeries {
  readonly requests: Counter.Internal;
  readonly duration: Histogram.Internal<"service" | "operation">;
}

/** `PlatformMetrics` that a Prometheus server can collect. */
export interface PrometheusMetrics extends PlatformMetrics {
  readonly contentType: string;
  /** A function is gone: its metrics go, and their place is free for another one's. */
  forgetFunction(functionName: string): void;
  /** The metrics in Prometheus's text format. */
  text(): Promise<string>;
  /** From now on there are metrics of data-plane processes too. */
  dataPlane(): DataPlaneMetrics;
}

/** What is known of data-plane processes, by their number. */
export interface DataPlaneMetrics {
  /** An invocation was answered by the process. */
  answered(process: number): void;
  uses(process: number, use: { readonly residentBytes: number; readonly cpuSeconds: number }): void;
}

/** Finds the series of a key, and binds its labels once: the hot path does a map look-up, no hashing of labels. */
function boundOnce<S, K extends string = string>(bind: (key: K) => S, bound: Map<K, S>): (key: K) => S {
  return (key) => {
    const known = bound.get(key);
    if (known !== undefined) return known;
    const series = bind(key);
    bound.set(key, series);
    return series;
  };
}

interface InvocationSeries {
  of(functionName: string): FunctionSeries;
  forget(functionName: string): void;
}

function invocationSeries(registers: Registry[]): InvocationSeries {
  const count = new Counter({
    name: "lambent_invocations_total",
    help: "Invocations by function and outcome",
    labelNames: ["function_name", "outcome"],
    registers,
  });
  const duration = new Histogram({
    name: "lambent_invocation_duration_seconds",
    help: "Time from the event's hand-over to the function until its answer",
    labelNames: ["function_name"],
    buckets: INVOCATION_BUCKETS_SECONDS,
    registers,
  });
  const bound = new Map<string, FunctionSeries>();
  const seriesOf = boundOnce((functionName: string): FunctionSeries => {
    const outcomes = new Map<Outcome, Counter.Internal>();
    return {
      outcomes,
      // Most functions have one outcome only.
      outcome: boundOnce((outcome: Outcome) => count.labels(functionName, outcome), outcomes),
      duration: duration.labels(functionName),
    };
  }, bound);
  return {
    of: (functionName) =>
      seriesOf(bound.size < FUNCTION_LABELS_MAX || bound.has(functionName) ? functionName : OTHER_FUNCTIONS),
    forget(functionName) {
      const series = bound.get(functionName);
      if (series === undefined) return;
      bound.delete(functionName);
      for (const outcome of series.outcomes.keys()) count.remove(functionName, outcome);
      duration.remove(functionName);
    },
  };
}

function apiSeries(registers: Registry[]): (service: string, operation: string, status: number) => ApiSeries {
  const requests = new Counter({
    name: "lambent_api_requests_total",
    help: "Requests to the AWS API",
    labelNames: ["service", "operation", "status"],
    registers,
  });
  const duration = new Histogram({
    name: "lambent_api_request_duration_seconds",
    help: "Time to answer a request to the AWS API, invocations included",
    labelNames: ["service", "operation"],
    buckets: API_BUCKETS_SECONDS,
    registers,
  });
  const seriesOf = boundOnce((key: string): ApiSeries => {
    const [service = "", operation = "", status = ""] = key.split("\n");
    return {
      requests: requests.labels(service, operation, status),
      duration: duration.labels(service, operation),
    };
  }, new Map());
  return (service, operation, status) => seriesOf(`${service}\n${operation}\n${status}`);
}

function describeProcess(registers: Registry[]): void {
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory of the Lambent process",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  let countedMicroseconds = 0;
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time of the Lambent process, without the functions",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.inc((user + system - countedMicroseconds) / 1e6);
      countedMicroseconds = user + system;
    },
  });
}

function dataPlaneMetrics(registers: Registry[]): DataPlaneMetrics {
  const labelNames = ["process"];
  const answered = new Counter({
    name: "lambent_data_plane_invocations_total",
    help: "Invocations answered by each data-plane process",
    labelNames,
    registers,
  });
  const resident = new Gauge({
    name: "lambent_data_plane_resident_memory_bytes",
    help: "Memory of each data-plane process",
    labelNames,
    registers,
  });
  const cpu = new Gauge({
    name: "lambent_data_plane_cpu_seconds",
    help: "CPU time of each data-plane process since it started, without the functions",
    labelNames,
    registers,
  });
  const bound = new Map<number, Counter.Internal>();
  return {
    answered(process) {
      let series = bound.get(process);
      if (series === undefined) {
        series = answered.labels(String(process));
        bound.set(process, series);
      }
      series.inc();
    },
    uses(process, { residentBytes, cpuSeconds }) {
      resident.set({ process }, residentBytes);
      cpu.set({ process }, cpuSeconds);
    },
  };
}

/** Metrics in a registry of their own: several may live in one process. */
export function createPrometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  const registers = [registry];
  const ofFunction = invocationSeries(registers);
  const ofApi = apiSeries(registers);
  const coldStarts = new Histogram({
    name: "lambent_cold_start_duration_seconds",
    help: "Time to create and initialise an execution environment",
    labelNames: ["runtime"],
    buckets: COLD_START_BUCKETS_SECONDS,
    registers,
  });
  const environments = new Gauge({
    name: "lambent_environments",
    help: "Execution environments alive",
    labelNames: ["runtime"],
    registers,
  });
  describeProcess(registers);
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    dataPlane: () => dataPlaneMetrics(registers),
    forgetFunction: (functionName) => ofFunction.forget(functionName),
    invocation({ functionName, durationMs, outcome }) {
      const series = ofFunction.of(functionName);
      series.outcome(outcome).inc();
      if (outcome !== "throttled") series.duration.observe(durationMs / 1000);
    },
    coldStart: ({ runtime, durationMs }) => coldStarts.observe({ runtime }, durationMs / 1000),
    environments: (count, runtime) => environments.set({ runtime }, count),
    apiRequest({ service, operation, status, durationMs }) {
      const series = ofApi(service, operation, status);
      series.requests.inc();
      series.duration.observe(durationMs / 1000);
    },
  };
}
