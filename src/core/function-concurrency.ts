import type { Owner } from "./function-reference.ts";
import type { FunctionVersion } from "./function-version.ts";

/** What is reserved and provisioned for one function, with aliases resolved to the versions they point to. */
export interface FunctionConcurrency extends Owner {
  readonly functionName: string;
  /** Cap and guarantee over all versions; undefined: the function shares what the account has left. */
  readonly reserved: number | undefined;
  /** One element for each version that has any. */
  readonly provisioned: readonly ProvisionedVersion[];
}

export interface ProvisionedVersion {
  readonly version: FunctionVersion;
  /** Environments to keep initialised. */
  readonly requested: number;
  /** When it was last asked for, epoch milliseconds: asking again tries again what failed. */
  readonly lastModifiedMs: number;
}

/** How far the provisioned environments of a version are. */
export interface ProvisionedAllocation {
  /** Initialised and alive. */
  readonly allocated: number;
  /** Of these, the ones that invocations are given to: none before all have been allocated once. */
  readonly available: number;
  /** Why the environments asked for are not there; AWS's StatusReason. */
  readonly failure: string | undefined;
}

/** Tells of provisioned environments as they are at this moment. */
export interface ProvisionedAllocations {
  provisionedAllocation(version: FunctionVersion): ProvisionedAllocation;
}

export const NOTHING_ALLOCATED: ProvisionedAllocation = { allocated: 0, available: 0, failure: undefined };
