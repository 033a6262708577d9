import { invalidParameterValue, notSupported } from "../core/errors.ts";
import type { MappingSettings } from "./mapping-document.ts";
import { isGiven, type MappingInput } from "./mapping-input.ts";

/** AWS: "Lambda quotas"; more on request. */
const FILTERS_MAX = 5;
const POLLERS_MIN_DEFAULT = 2;
const POLLERS_MAX_DEFAULT = 200;

export const EVENT_COUNT = "EventCount";

/** Refuses by name what AWS has and Lambent has not. */
export function refuseUnsupported(input: MappingInput): void {
  if (isGiven(input.KMSKeyArn)) throw notSupported("KMSKeyArn");
  for (const metric of input.MetricsConfig?.Metrics ?? [])
    if (metric !== EVENT_COUNT) throw notSupported(`MetricsConfig ${metric}`);
}

/** The settings of a request, over those that a mapping has, or over the defaults. */
export function settingsOf(
  input: MappingInput,
  current: Omit<MappingSettings, "functionArn">,
  functionArn: string,
): MappingSettings {
  return {
    functionArn,
    batchSize: input.BatchSize ?? current.batchSize,
    maximumBatchingWindowSeconds:
      input.MaximumBatchingWindowInSeconds ?? current.maximumBatchingWindowSeconds,
    // AWS: an empty structure takes what was there away.
    filterPatterns:
      input.FilterCriteria === undefined ? current.filterPatterns : patternsOf(input.FilterCriteria),
    reportsBatchItemFailures:
      input.FunctionResponseTypes?.includes("ReportBatchItemFailures") ?? current.reportsBatchItemFailures,
    maximumConcurrency:
      input.ScalingConfig === undefined ? current.maximumConcurrency : input.ScalingConfig.MaximumConcurrency,
    countsEvents:
      input.MetricsConfig === undefined
        ? current.countsEvents
        : input.MetricsConfig.Metrics?.includes(EVENT_COUNT) === true || undefined,
    provisionedPollers:
      input.ProvisionedPollerConfig === undefined
        ? current.provisionedPollers
        : pollersOf(input.ProvisionedPollerConfig),
  };
}

export const defaultSettings = (batchSize: number): Omit<MappingSettings, "functionArn"> => ({
  batchSize,
  maximumBatchingWindowSeconds: 0,
  filterPatterns: [],
  reportsBatchItemFailures: false,
});

/** The patterns of a request; throws AWS's error for one that is none. */
export function patternsOf({ Filters: filters = [] }: NonNullable<MappingInput["FilterCriteria"]>): string[] {
  if (filters.length > FILTERS_MAX)
    throw invalidParameterValue(`The number of filters exceeds the limit of ${FILTERS_MAX}.`);
  return filters.map(({ Pattern = "" }) => Pattern);
}

function pollersOf(config: NonNullable<MappingInput["ProvisionedPollerConfig"]>) {
  const { MinimumPollers: asked, MaximumPollers: max } = config;
  if (asked === undefined && max === undefined) return undefined;
  const minimum = asked ?? Math.min(POLLERS_MIN_DEFAULT, max ?? POLLERS_MIN_DEFAULT);
  return { minimum, maximum: max ?? Math.max(POLLERS_MAX_DEFAULT, minimum) };
}
