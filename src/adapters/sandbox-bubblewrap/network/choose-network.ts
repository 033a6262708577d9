import type { IsolationReport } from "../../../ports/sandbox.ts";
import type { NetworkPolicy } from "./network-policy.ts";
import { openOutboundNetwork, sweepOutboundNetwork } from "./open-outbound-network.ts";
import type { OutboundNetwork } from "./outbound-network.ts";

/** A policy was asked for that cannot be kept here. */
export class NetworkUnavailableError extends Error {}

const DESCRIPTIONS = {
  internet: "internet: functions connect to public addresses, not to this host or private networks",
  all: "all: functions connect to public and private addresses, not to this host",
} as const;

/**
 * Opens the network of a policy; `auto` does without one where there is none to be had. Throws
 * `NetworkUnavailableError` with the reason when `internet` or `all` cannot be had.
 */
export async function chooseNetwork(wanted: {
  readonly policy: NetworkPolicy;
  readonly instance: string;
  readonly isRoot: boolean;
}): Promise<{ network: OutboundNetwork | undefined; networkReport: IsolationReport["network"] }> {
  const { policy, instance, isRoot } = wanted;
  const none = (why: string): Awaited<ReturnType<typeof chooseNetwork>> => ({
    network: undefined,
    networkReport: { policy: "none", summary: `none: functions reach the AWS endpoint only (${why})` },
  });
  if (policy === "none") {
    if (isRoot) await sweepOutboundNetwork(instance).catch(() => {});
    return none("as configured");
  }
  const opened = policy === "auto" ? "internet" : policy;
  try {
    if (!isRoot) throw new Error("an outbound network needs Lambent to be started as root");
    const network = await openOutboundNetwork(instance, opened);
    return { network, networkReport: { policy: opened, summary: DESCRIPTIONS[opened] } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (policy !== "auto") throw new NetworkUnavailableError(reason);
    return none(reason);
  }
}
