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

/** What is known about the events of a stream without reading them. */
export interface StreamStatistics {
  readonly firstEventMs: number | undefined;
  readonly lastEventMs: number | undefined;
  readonly lastIngestionMs: number | undefined;
  /** Bytes of events ingested, AWS's 26 per event included; less what retention removed, by estimate. */
  readonly storedBytes: number;
  /** No event is older than an earlier one of the stream by more than this. */
  readonly disorderMs: number;
}

/** A log stream as it is stored. */
export interface StoredLogStream extends StreamStatistics {
  readonly schema: 1;
  readonly groupId: string;
  readonly streamId: string;
  readonly logStreamName: string;
  readonly createdAtMs: number;
}

export const GROUP_PREFIX = "logs/groups/";
export const STREAM_PREFIX = "logs/streams/";

/** Names may be longer than keys, so keys hold a digest of them. */
const digest = (name: string): string => createHash("sha256").update(name).digest("base64url").slice(0, 27);

export const groupKey = (group: GroupName): string =>
  `${GROUP_PREFIX}${group.account}/${group.region}/${digest(group.logGroupName)}`;

export const streamKey = (groupId: string, logStreamName: string): string =>
  `${STREAM_PREFIX}${groupId}/${digest(logStreamName)}`;

/** Name of a stream in the log store. */
export const storedStreamName = (stream: { groupId: string; streamId: string }): string =>
  `${stream.groupId}/${stream.streamId}`;

export const encodeLogRecord = (record: StoredLogGroup | StoredLogStream): Uint8Array =>
  Buffer.from(JSON.stringify(record));

/** Throws on a document that a newer version wrote. */
export function decodeLogRecord<T extends { readonly schema: 1 }>(value: Uint8Array): T {
  const record = JSON.parse(Buffer.from(value).toString("utf8")) as T;
  if (record.schema !== 1) {
    throw new Error(
      `A document of a log group has schema ${String(record.schema)}; this version reads schema 1.`,
    );
  }
  return record;
}
