import type { Clock } from "../ports/clock.ts";
import type { KeyValueStore, LogStore } from "../ports/store.ts";
import { LogCatalogue } from "./log-catalogue.ts";
import { LogGroups } from "./log-groups.ts";
import { type BufferedLogSink, createLogSink } from "./log-sink.ts";

/** Log groups, their events, and the sink through which functions write them. */
export interface CloudWatchLogs {
  readonly catalogue: LogCatalogue;
  readonly groups: LogGroups;
  readonly logs: LogStore;
  readonly sink: BufferedLogSink;
  readonly clock: Clock;
  /** Writes what is buffered and stops the retention runs. */
  close(): Promise<void>;
}

export interface CloudWatchLogsOptions {
  readonly logs: LogStore;
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  readonly flushIntervalMs?: number;
  readonly maxBufferedBytes?: number;
  /** Written as the first event of every group that has no stream yet. */
  readonly firstLineOfGroup?: string;
}

/** Opens the logs on a store; resolves when every stored group and stream is known. Retention runs from then on. */
export async function openCloudWatchLogs(options: CloudWatchLogsOptions): Promise<CloudWatchLogs> {
  const { logs, keyValue, clock, ...sinkOptions } = options;
  const catalogue = await LogCatalogue.open({ keyValue, clock });
  const groups = new LogGroups({ catalogue, logs, clock });
  const sink = createLogSink({ catalogue, logs, clock, ...sinkOptions });
  groups.startRetention();
  return {
    catalogue,
    groups,
    logs,
    sink,
    clock,
    close: async () => {
      await sink.close();
      await groups.stopRetention();
      await catalogue.close();
    },
  };
}
