import type { ResponseSink } from "../core/invocation.ts";
import type { Clock } from "../ports/clock.ts";

/** A token bucket: what may go out at once, and how fast it fills again. */
export interface ResponsePace {
  readonly burstBytes: number;
  readonly bytesPerSecond: number;
}

/** AWS: "Bandwidth limits for response streaming": 6 MB as fast as it goes, then 2 MB a second. */
export const AWS_RESPONSE_PACE: ResponsePace = {
  burstBytes: 6 * 1_048_576,
  bytesPerSecond: 2 * 1_048_576,
};

/** Each piece goes on at once; the next one has to wait until the bucket has paid for it. */
export function pacedSink(sink: ResponseSink, pace: ResponsePace, clock: Clock): ResponseSink {
  let tokens = pace.burstBytes;
  let filledAtMs = clock.monotonicMs();
  return {
    start: (contentType) => sink.start(contentType),
    write(piece) {
      const nowMs = clock.monotonicMs();
      const gained = ((nowMs - filledAtMs) * pace.bytesPerSecond) / 1000;
      tokens = Math.min(pace.burstBytes, tokens + gained) - piece.byteLength;
      filledAtMs = nowMs;
      const room = sink.write(piece);
      if (tokens >= 0) return room;
      const paid = new Promise<void>((resolve) => {
        clock.after((-tokens / pace.bytesPerSecond) * 1000, resolve);
      });
      return room === undefined ? paid : Promise.all([room, paid]).then(() => undefined);
    },
  };
}
