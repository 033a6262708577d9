import type { Load, Measurement } from "../load/measurement.ts";
import { median } from "../statistics.ts";
import { ministack } from "./ministack.ts";
import type { Peer, RunningPeer } from "./peer.ts";
import { runtimeInterfaceEmulator } from "./runtime-interface-emulator.ts";
import { serverlessOffline } from "./serverless-offline.ts";
import { workerd } from "./workerd.ts";

const PEERS: readonly Peer[] = [ministack, serverlessOffline, workerd, runtimeInterfaceEmulator];
const CONCURRENCIES = [1, 16, 64] as const;
const WARM_UP_SECONDS = 4;

export interface PeerMeasurements {
  readonly peer: Peer;
  /** Why there are none. */
  readonly unavailable: string | undefined;
  /** By concurrency, where the peer managed it: medians of interleaved rounds. */
  readonly figures: ReadonlyMap<number, { readonly peer: Measurement; readonly lambent: Measurement }>;
  /** What the peer failed at. */
  readonly failures: readonly string[];
}

interface Options {
  readonly rounds: number;
  readonly secondsPerMeasurement: number;
  readonly measure: (load: Load) => Promise<Measurement>;
  /** Lambent, warmed up, by the same request. */
  readonly lambent: Omit<Load, "connections" | "seconds">;
  progress(line: string): void;
}

/** Measures each peer that can be had, one after the other, each in turns with Lambent. */
export async function measurePeers(options: Options): Promise<PeerMeasurements[]> {
  const results: PeerMeasurements[] = [];
  for (const peer of PEERS) {
    let running: RunningPeer;
    try {
      options.progress(`starting ${peer.name}`);
      running = await peer.start();
    } catch (error) {
      const unavailable = (error as Error).message;
      options.progress(`${peer.name} cannot be had: ${unavailable}`);
      results.push({ peer, unavailable, figures: new Map(), failures: [] });
      continue;
    }
    try {
      results.push(await measurePeer(peer, running, options));
    } finally {
      await running.stop();
    }
  }
  return results;
}

async function measurePeer(peer: Peer, running: RunningPeer, options: Options): Promise<PeerMeasurements> {
  const request = { ...options.lambent, url: running.url };
  const failures: string[] = [];
  const figures: Map<number, { peer: Measurement; lambent: Measurement }> = new Map();
  for (const connections of CONCURRENCIES.filter((concurrency) => concurrency <= peer.concurrencyMax)) {
    const taken: { peer: Measurement[]; lambent: Measurement[] } = { peer: [], lambent: [] };
    const seconds = options.secondsPerMeasurement;
    try {
      await options.measure({ ...request, connections, seconds: WARM_UP_SECONDS });
      for (let round = 1; round <= options.rounds; round++) {
        taken.peer.push(await options.measure({ ...request, connections, seconds }));
        taken.lambent.push(await options.measure({ ...options.lambent, connections, seconds }));
      }
    } catch (error) {
      failures.push(`${peer.name} at concurrency ${connections}: ${String(error).slice(0, 200)}`);
      continue;
    }
    figures.set(connections, { peer: middle(taken.peer), lambent: middle(taken.lambent) });
    const { requestsPerSecond, p50Ms } = middle(taken.peer);
    options.progress(
      `${peer.name} at ${connections}: ${requestsPerSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(3)} ms`,
    );
  }
  return { peer, unavailable: undefined, figures, failures };
}

function middle(measurements: readonly Measurement[]): Measurement {
  const of = (figure: keyof Measurement): number =>
    median(measurements.map((measurement) => measurement[figure]));
  return { requestsPerSecond: of("requestsPerSecond"), p50Ms: of("p50Ms"), p99Ms: of("p99Ms") };
}
