import type * as logsModule from "@aws-sdk/client-cloudwatch-logs";
import { logGroupArn, logGroupNameOf } from "../../../core/log-arn.ts";
import type { CloudWatchLogs } from "../../../logs/cloudwatch-logs.ts";
import { invalidLogsParameter, logsNotSupported } from "../../../logs/log-errors.ts";
import type { StoredLogGroup } from "../../../logs/log-records.ts";
import { metricFiltersOf } from "../../../logs/metric-filters.ts";
import { decodePageToken, encodePageToken } from "../../../logs/page-token.ts";
import type { Handlers, Input, RequestContext } from "../../protocol/handlers.ts";
import { pageAfter, referencedGroup } from "./group-reference.ts";

export type LogsHandlers = Handlers<typeof logsModule>;

const GROUPS_DEFAULT = 50;
/** "PutRetentionPolicy": the numbers of days that AWS takes. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

/** Log groups: made, found, given a retention, deleted. */
export function groupHandlers({ groups, sink }: CloudWatchLogs): LogsHandlers {
  return {
    CreateLogGroup: async (input, context) => {
      refuseUnsupported(input);
      await groups.create(referencedGroup(input, context), input.tags ?? {});
      return {};
    },
    DeleteLogGroup: async (input, context) => {
      await groups.delete(referencedGroup(input, context));
      return {};
    },
    DescribeLogGroups: async (input, context) => {
      await sink.flush();
      if (input.includeLinkedAccounts === true || (input.accountIdentifiers ?? []).length > 0) {
        throw logsNotSupported("Looking into linked accounts");
      }
      const wanted = groups.list(context).filter(groupFilter(input, context));
      const lastName = input.nextToken === undefined ? undefined : decodePageToken(input.nextToken, isText);
      const { items, last } = pageAfter(wanted, {
        limit: input.limit ?? GROUPS_DEFAULT,
        isAfter: lastName === undefined ? undefined : ({ logGroupName }) => logGroupName > lastName,
      });
      return {
        logGroups: await Promise.all(
          items.map(async (group) =>
            // AWS: "then only arn, creationTime, and logGroupName are included in the response".
            input.logGroupNamePattern === undefined
              ? groupShape(group, await groups.storedBytes(group))
              : groupNameShape(group),
          ),
        ),
        ...(last !== undefined && { nextToken: encodePageToken(last.logGroupName) }),
      };
    },
    PutRetentionPolicy: async (input, context) => {
      const days = input.retentionInDays ?? 0;
      if (!RETENTION_DAYS.includes(days)) {
        throw invalidLogsParameter(
          `Invalid retention value. Valid values are: [${RETENTION_DAYS.join(", ")}]`,
        );
      }
      await setRetention(input, context, days);
      return {};
    },
    DeleteRetentionPolicy: async (input, context) => {
      await setRetention(input, context, undefined);
      return {};
    },
  };

  async function setRetention(
    input: { logGroupName?: string | undefined },
    context: RequestContext,
    retentionDays: number | undefined,
  ): Promise<void> {
    await groups.update(referencedGroup(input, context), (group) => ({ ...group, retentionDays }));
  }
}

const isText = (content: unknown): content is string => typeof content === "string";

function refuseUnsupported(input: Input<typeof logsModule, "CreateLogGroup">): void {
  if (input.kmsKeyId !== undefined) throw logsNotSupported("kmsKeyId");
  if (input.deletionProtectionEnabled === true) throw logsNotSupported("deletionProtectionEnabled");
  if (input.logGroupClass !== undefined && input.logGroupClass !== "STANDARD") {
    throw logsNotSupported(`logGroupClass ${input.logGroupClass}`);
  }
}

function groupFilter(
  input: Input<typeof logsModule, "DescribeLogGroups">,
  context: RequestContext,
): (group: StoredLogGroup) => boolean {
  const {
    logGroupNamePrefix: prefix,
    logGroupNamePattern: pattern,
    logGroupIdentifiers,
    logGroupClass,
  } = input;
  if (prefix !== undefined && pattern !== undefined) {
    throw invalidLogsParameter(
      "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    );
  }
  const names = logGroupIdentifiers?.map((identifier) => logGroupNameOf(context, identifier));
  return ({ logGroupName }) =>
    (prefix === undefined || logGroupName.startsWith(prefix)) &&
    (pattern === undefined || logGroupName.includes(pattern)) &&
    (names === undefined || names.length === 0 || names.includes(logGroupName)) &&
    (logGroupClass === undefined || logGroupClass === "STANDARD");
}

function groupNameShape(group: StoredLogGroup): logsModule.LogGroup {
  return {
    logGroupName: group.logGroupName,
    creationTime: group.createdAtMs,
    arn: `${logGroupArn(group)}:*`,
  };
}

function groupShape(group: StoredLogGroup, storedBytes: number): logsModule.LogGroup {
  return {
    ...groupNameShape(group),
    ...(group.retentionDays !== undefined && { retentionInDays: group.retentionDays }),
    metricFilterCount: metricFiltersOf(group).length,
    storedBytes,
    logGroupClass: "STANDARD",
    logGroupArn: logGroupArn(group),
  };
}
