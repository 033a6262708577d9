import { randomUUID } from "node:crypto";
import { AwsError } from "../core/errors.ts";
import type { LogFilter } from "../core/log-filter-pattern.ts";
import type { Clock } from "../ports/clock.ts";
import type { IngestedEvents, LogIngestion } from "./log-ingestion.ts";
import type { GroupName } from "./log-records.ts";

/** AWS: updates come every second with at most 500 events, a session lasts three hours, 15 run at a time. */
const UPDATE_INTERVAL_MS = 1_000;
const UPDATE_EVENTS_MAX = 500;
const SESSION_MS_MAX = 3 * 3_600_000;
const SESSIONS_MAX = 15;

export interface LiveTailRequest {
  readonly groups: readonly GroupName[];
  readonly streamNames: readonly string[];
  readonly streamNamePrefixes: readonly string[];
  readonly filter: LogFilter;
}

export interface LiveTailEvent {
  readonly group: GroupName;
  readonly logStreamName: string;
  readonly timestampMs: number;
  readonly ingestedAtMs: number;
  readonly message: string;
}

export interface LiveTailUpdate {
  readonly events: readonly LiveTailEvent[];
  /** There were more than are shown. */
  readonly isSampled: boolean;
}

/** Log events as they come in, for those who watch. */
export class LiveTail {
  readonly #ingestion: LogIngestion;
  readonly #clock: Clock;
  readonly #sessions = new Map<string, number>();

  constructor({ ingestion, clock }: { ingestion: LogIngestion; clock: Clock }) {
    this.#ingestion = ingestion;
    this.#clock = clock;
  }

  /**
   * StartLiveTail: begins at once, and ends when `signal` says so, or after three hours with AWS's
   * SessionTimeoutException. Throws LimitExceededException when the account watches too much already.
   */
  start(
    owner: { readonly account: string; readonly region: string },
    request: LiveTailRequest,
    signal: AbortSignal,
  ): { sessionId: string; updates: AsyncGenerator<LiveTailUpdate> } {
    const key = `${owner.account}/${owner.region}`;
    const running = this.#sessions.get(key) ?? 0;
    if (running >= SESSIONS_MAX)
      throw new AwsError("LimitExceededException", "Resource limit exceeded.", 400);
    this.#sessions.set(key, running + 1);
    const session = new Session(request);
    const unsubscribe = this.#ingestion.subscribe((ingested) => session.take(ingested));
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      unsubscribe();
      const left = (this.#sessions.get(key) ?? 1) - 1;
      if (left === 0) this.#sessions.delete(key);
      else this.#sessions.set(key, left);
    };
    signal.addEventListener("abort", end, { once: true });
    return { sessionId: randomUUID(), updates: this.#updates(session, signal, end) };
  }

  async *#updates(session: Session, signal: AbortSignal, end: () => void): AsyncGenerator<LiveTailUpdate> {
    const startedMs = this.#clock.monotonicMs();
    try {
      while (!signal.aborted) {
        await this.#pause(signal);
        if (signal.aborted) return;
        yield session.update();
        if (this.#clock.monotonicMs() - startedMs >= SESSION_MS_MAX)
          throw new AwsError("SessionTimeoutException", "The session has timed out.", 400);
      }
    } finally {
      end();
    }
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.#clock.after(UPDATE_INTERVAL_MS, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

/** What came since the last update. */
class Session {
  readonly #request: LiveTailRequest;
  #events: LiveTailEvent[] = [];
  #isSampled = false;

  constructor(request: LiveTailRequest) {
    this.#request = request;
  }

  take({ stream, events, ingestedAtMs }: IngestedEvents): void {
    const group = this.#request.groups.find((wanted) => isSameGroup(wanted, stream));
    if (group === undefined || !this.#wantsStream(stream.logStreamName)) return;
    const { filter } = this.#request;
    for (const { timestampMs, message } of events) {
      if (filter !== undefined && !filter(message)) continue;
      if (this.#events.length >= UPDATE_EVENTS_MAX) {
        this.#isSampled = true;
        return;
      }
      const { logStreamName } = stream;
      this.#events.push({ group, logStreamName, timestampMs, ingestedAtMs, message });
    }
  }

  update(): LiveTailUpdate {
    const update = { events: this.#events, isSampled: this.#isSampled };
    this.#events = [];
    this.#isSampled = false;
    return update;
  }

  #wantsStream(name: string): boolean {
    const { streamNames, streamNamePrefixes } = this.#request;
    if (streamNames.length > 0) return streamNames.includes(name);
    return streamNamePrefixes.length === 0 || streamNamePrefixes.some((prefix) => name.startsWith(prefix));
  }
}

const isSameGroup = (one: GroupName, other: GroupName): boolean =>
  one.logGroupName === other.logGroupName && one.account === other.account && one.region === other.region;
