import type { IsolationReport } from "../../../ports/sandbox.ts";
import { runCommand } from "../run-command.ts";
import { INTERFACE_PREFIX, type NetworkPolicy } from "./network-policy.ts";
import { openOutboundNetwork, sweepOutboundNetwork } from "./open-outbound-network.ts";
import type { OutboundNetwork } from "./outbound-network.ts";

/** A policy was asked for that cannot be kept here. */
export class NetworkUnavailableError extends Error {}

const DESCRIPTIONS = {
  internet: "internet: functions connect to public addresses, not to this host or private networks",
  all: "all: functions connect to public and private addresses, not to this host",
} as const;

interface ChosenNetwork {
  readonly network: OutboundNetwork | undefined;
  readonly networkReport: IsolationReport["network"];
  /** What keeps functions from the network all the same, one line each. */
  readonly networkAdvice: readonly string[];
}

/**
 * Opens the network of a policy; `auto` does without one where there is none to be had. Throws
 * `NetworkUnavailableError` with the reason when `internet` or `all` cannot be had.
 */
export async function chooseNetwork(wanted: {
  readonly policy: NetworkPolicy;
  readonly instance: string;
  readonly isRoot: boolean;
}): Promise<ChosenNetwork> {
  const { policy, instance, isRoot } = wanted;
  const none = (why: string): ChosenNetwork => ({
    network: undefined,
    networkAdvice: [],
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
    return {
      network,
      networkReport: { policy: opened, summary: DESCRIPTIONS[opened] },
      networkAdvice: await otherFirewalls(),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (policy !== "auto") throw new NetworkUnavailableError(reason);
    return none(reason);
  }
}

/** Rules that let a packet pass do so for their own table only: what another one drops stays dropped. */
async function otherFirewalls(): Promise<string[]> {
  const text = await runCommand("nft", "-j", "list", "chains");
  const { nftables } = JSON.parse(text) as {
    nftables: { chain?: { table: string; name: string; hook?: string; policy?: string } }[];
  };
  return nftables
    .flatMap(({ chain }) => (chain?.hook === "forward" && chain.policy === "drop" ? [chain] : []))
    .map(
      ({ table, name }) =>
        `the firewall of this machine (table ${table}, chain ${name}) drops what it is not told to forward: ` +
        `for iptables, iptables -I ${name} -i ${INTERFACE_PREFIX}+ -j ACCEPT and iptables -I ${name} -o ${INTERFACE_PREFIX}+ -j ACCEPT`,
    );
}
