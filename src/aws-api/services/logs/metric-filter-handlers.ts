import type * as logsModule from "@aws-sdk/client-cloudwatch-logs";
import { compileLogFilter } from "../../../core/log-filter-pattern.ts";
import { extractedLogValues } from "../../../core/log-filter-values.ts";
import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { invalidLogsParameter, logsNotSupported } from "../../../logs/log-errors.ts";
import type { MetricTransformation } from "../../../logs/log-records.ts";
import { checkFilterPattern, type GroupMetricFilter } from "../../../logs/metric-filters.ts";
import { decodePageToken, encodePageToken } from "../../../logs/page-token.ts";
import type { Input } from "../../protocol/handlers.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { pageAfter, referencedGroup } from "./group-reference.ts";

const FILTERS_DEFAULT = 50;

/** Metric filters: what events count in a metric as they come in. */
export function metricFilterHandlers({ metricFilters }: CloudWatchLogs): LogsHandlers {
  return {
    PutMetricFilter: async (input, context) => {
      refuseUnsupported(input);
      await metricFilters.put(referencedGroup(input, context), {
        filterName: input.filterName ?? "",
        filterPattern: input.filterPattern ?? "",
        transformation: storedTransformation(input.metricTransformations?.[0]),
      });
      return {};
    },
    DescribeMetricFilters: (input, context) => {
      const { metricName, metricNamespace } = input;
      if ((metricName === undefined) !== (metricNamespace === undefined))
        throw invalidLogsParameter(
          "Both metricName and metricNamespace must be specified, or neither of them.",
        );
      const prefix = input.filterNamePrefix ?? "";
      const wanted = metricFilters
        .list(context, input.logGroupName && referencedGroup(input, context).logGroupName)
        .filter(
          ({ filter: { filterName, transformation } }) =>
            filterName.startsWith(prefix) &&
            (metricName === undefined ||
              (transformation.metricName === metricName &&
                transformation.metricNamespace === metricNamespace)),
        );
      const lastKey = input.nextToken === undefined ? undefined : decodePageToken(input.nextToken, isText);
      const { items, last } = pageAfter(wanted, {
        limit: input.limit ?? FILTERS_DEFAULT,
        isAfter: lastKey === undefined ? undefined : (item) => keyOf(item) > lastKey,
      });
      return {
        metricFilters: items.map(filterShape),
        ...(last !== undefined && { nextToken: encodePageToken(keyOf(last)) }),
      };
    },
    DeleteMetricFilter: async (input, context) => {
      await metricFilters.delete(referencedGroup(input, context), input.filterName ?? "");
      return {};
    },
    TestMetricFilter: ({ filterPattern = "", logEventMessages = [] }) => {
      checkFilterPattern(filterPattern);
      const matches = compileLogFilter(filterPattern);
      return {
        matches: logEventMessages.flatMap((eventMessage, index) =>
          matches?.(eventMessage) === false
            ? []
            : [
                {
                  eventNumber: index + 1,
                  eventMessage,
                  extractedValues: extractedLogValues(filterPattern, eventMessage),
                },
              ],
        ),
      };
    },
  };
}

function refuseUnsupported(input: Input<typeof logsModule, "PutMetricFilter">): void {
  if (input.applyOnTransformedLogs === true) throw logsNotSupported("applyOnTransformedLogs");
  if (input.fieldSelectionCriteria !== undefined) throw logsNotSupported("fieldSelectionCriteria");
  if ((input.emitSystemFieldDimensions ?? []).length > 0) throw logsNotSupported("emitSystemFieldDimensions");
}

function storedTransformation(given: logsModule.MetricTransformation | undefined): MetricTransformation {
  const { metricName = "", metricNamespace = "", metricValue = "" } = given ?? {};
  const { defaultValue, dimensions = {}, unit } = given ?? {};
  return {
    metricName,
    metricNamespace,
    metricValue,
    ...(defaultValue !== undefined && { defaultValue }),
    ...(Object.keys(dimensions).length > 0 && { dimensions }),
    ...(unit !== undefined && { unit }),
  };
}

const isText = (content: unknown): content is string => typeof content === "string";

/** In the order of the list: no name of a group has a space. */
const keyOf = ({ group, filter }: GroupMetricFilter): string => `${group.logGroupName} ${filter.filterName}`;

const filterShape = ({ group, filter }: GroupMetricFilter): logsModule.MetricFilter => ({
  filterName: filter.filterName,
  filterPattern: filter.filterPattern,
  metricTransformations: [{ ...filter.transformation } as logsModule.MetricTransformation],
  creationTime: filter.createdAtMs,
  logGroupName: group.logGroupName,
  applyOnTransformedLogs: false,
});
