import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { logsNotSupported } from "../../../logs/log-errors.ts";
import { decodePageToken, encodePageToken } from "../../../logs/page-token.ts";
import type { LogsHandlers } from "./group-handlers.ts";
import { pageAfter, referencedGroup } from "./group-reference.ts";

const FILTERS_DEFAULT = 50;

/** Subscription filters: what goes to a function as it comes in. */
export function subscriptionFilterHandlers({ subscriptionFilters }: CloudWatchLogs): LogsHandlers {
  return {
    PutSubscriptionFilter: async (input, context) => {
      if (input.applyOnTransformedLogs === true) throw logsNotSupported("applyOnTransformedLogs");
      if (input.fieldSelectionCriteria !== undefined) throw logsNotSupported("fieldSelectionCriteria");
      if ((input.emitSystemFields ?? []).length > 0) throw logsNotSupported("emitSystemFields");
      await subscriptionFilters.put(referencedGroup(input, context), {
        filterName: input.filterName ?? "",
        filterPattern: input.filterPattern ?? "",
        destinationArn: input.destinationArn ?? "",
        roleArn: input.roleArn,
        distribution: input.distribution,
      });
      return {};
    },
    DescribeSubscriptionFilters: (input, context) => {
      const group = referencedGroup(input, context);
      const lastName = input.nextToken === undefined ? undefined : decodePageToken(input.nextToken, isText);
      const { items, last } = pageAfter(subscriptionFilters.list(group, input.filterNamePrefix), {
        limit: input.limit ?? FILTERS_DEFAULT,
        isAfter: lastName === undefined ? undefined : ({ filterName }) => filterName > lastName,
      });
      return {
        subscriptionFilters: items.map((filter) => ({
          filterName: filter.filterName,
          logGroupName: group.logGroupName,
          filterPattern: filter.filterPattern,
          destinationArn: filter.destinationArn,
          distribution: filter.distribution === "Random" ? ("Random" as const) : ("ByLogStream" as const),
          creationTime: filter.createdAtMs,
        })),
        ...(last !== undefined && { nextToken: encodePageToken(last.filterName) }),
      };
    },
    DeleteSubscriptionFilter: async (input, context) => {
      await subscriptionFilters.delete(referencedGroup(input, context), input.filterName ?? "");
      return {};
    },
  };
}

const isText = (content: unknown): content is string => typeof content === "string";
