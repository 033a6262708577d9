import { createHash } from "node:crypto";

export interface GroupName {
  readonly account: string;
  readonly region: string;
  readonly logGroupName: string;
}

/** A log group as it is stored. */
export interface StoredLogGroup extends GroupName {
  readonly schema: 1;
  /** Names the group's streams in the stores; a group made again under its name gets another one. */
  readonly groupId: string;
  readonly createdAtMs: number;
  readonly retentionDays: number | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly subscriptionFilters?: readonly StoredSubscriptionFilter[];
  readonly metricFilters?: readonly StoredMetricFilter[];
}

/** Events of a group that match the pattern count in a metric. */
export interface StoredMetricFilter {
  readonly filterName: string;
  readonly filterPattern: string;
  readonly transformation: MetricTransformation;
  readonly createdAtMs: number;
}

/** What a matching event is in a metric. */
export interface MetricTransformation {
  readonly metricName: string;
  readonly metricNamespace: string;
  /** A number, or the selector of one in the event. */
  readonly metricValue: string;
  /** Counted where events come of which none matches. */
  readonly defaultValue?: number | undefined;
  /** Names to selectors of their values in the event. */
  readonly dimensions?: Readonly<Record<string, string>> | undefined;
  readonly unit?: string | undefined;
}

/** Events of a group that match the pattern go to the destination. */
export interface StoredSubscriptionFilter {
  readonly filterName: string;
  readonly filterPattern: string;
  readonly destinationArn: string;
  readonly distribution: string;
  readonly createdAtMs: number;
}

export const GROUP_PREFIX = "logs/groups/";

/** Names may be longer than keys, so keys hold a digest of them. */
const digest = (name: string): string => createHash("sha256").update(name).digest("base64url").slice(0, 27);

export const groupKey = (group: GroupName): string =>
  `${GROUP_PREFIX}${group.account}/${group.region}/${digest(group.logGroupName)}`;

export const encodeLogGroup = (group: StoredLogGroup): Uint8Array => Buffer.from(JSON.stringify(group));

/** Throws on a document that a newer version wrote. */
export function decodeLogGroup(value: Uint8Array): StoredLogGroup {
  const group = JSON.parse(Buffer.from(value).toString("utf8")) as StoredLogGroup;
  if (group.schema !== 1) {
    throw new Error(
      `A document of a log group has schema ${String(group.schema)}; this version reads schema 1.`,
    );
  }
  return group;
}
