import type { Bar } from "../report/picture.ts";
import { rounded } from "../statistics.ts";
import type { PeerMeasurements } from "./measure-peers.ts";

/** Rows in the columns of the warm table: figure, the other's, Lambent's, ratio. */
export function peerRows(results: readonly PeerMeasurements[]): string[][] {
  return results.flatMap(({ peer, figures }) =>
    [...figures].flatMap(([concurrency, { peer: theirs, lambent }]) => {
      const throughput = [
        `${peer.name}: throughput at concurrency ${concurrency} (1/s)`,
        theirs.requestsPerSecond.toFixed(0),
        lambent.requestsPerSecond.toFixed(0),
        `× ${(lambent.requestsPerSecond / theirs.requestsPerSecond).toFixed(2)}`,
      ];
      if (concurrency > 1) return [throughput];
      const latency = [
        `${peer.name}: latency p50 at concurrency 1 (ms)`,
        theirs.p50Ms.toFixed(3),
        lambent.p50Ms.toFixed(3),
        `× ${(lambent.p50Ms / theirs.p50Ms).toFixed(2)}`,
      ];
      return [latency, throughput];
    }),
  );
}

export function peerNotes(results: readonly PeerMeasurements[]): string[] {
  return results.flatMap(({ peer, unavailable, failures }) => [
    unavailable === undefined ? peer.remark : `${peer.name} could not be had here: ${unavailable}`,
    ...failures,
  ]);
}

/** By peer: its figures, and Lambent's in the same rounds as a ratio to them. */
export function peerJson(results: readonly PeerMeasurements[]): Record<string, unknown> {
  return Object.fromEntries(
    results.map(({ peer, unavailable, figures, failures }) => {
      if (unavailable !== undefined) return [peer.name, { unavailable }];
      const entries = [...figures].flatMap(([concurrency, { peer: theirs, lambent }]) => [
        [`throughput_${concurrency}`, rounded(theirs.requestsPerSecond)],
        [
          `lambent_ratio_throughput_${concurrency}`,
          rounded(lambent.requestsPerSecond / theirs.requestsPerSecond),
        ],
        ...(concurrency === 1
          ? [
              ["p50_ms", rounded(theirs.p50Ms)],
              ["lambent_ratio_p50", rounded(lambent.p50Ms / theirs.p50Ms)],
            ]
          : []),
      ]);
      return [
        peer.name,
        { ...Object.fromEntries(entries), ...(failures.length > 0 && { failed: failures }) },
      ];
    }),
  );
}

/** Throughput with 16 callers. */
export function peerBars(results: readonly PeerMeasurements[]): Bar[] {
  return results.flatMap(({ peer, figures }) => {
    const figure = figures.get(16);
    if (figure === undefined) return [];
    return [{ label: peer.name, value: figure.peer.requestsPerSecond, emphasised: false }];
  });
}
