import { createHash } from "node:crypto";
import { AwsError } from "../core/errors.ts";
import { type PolicyDocument, parsePolicyDocument } from "../core/policy-document.ts";
import type { Clock } from "../ports/clock.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { invalidLogsParameter } from "./log-errors.ts";

interface PolicyOwner {
  readonly account: string;
  readonly region: string;
}

/** A policy on all log groups of an account in a region, as it is stored. */
export interface LogResourcePolicy extends PolicyOwner {
  readonly schema: 1;
  readonly policyName: string;
  /** JSON as it was given. */
  readonly document: string;
  readonly updatedAtMs: number;
}

/** AWS: "An account can have up to 10 resource policies per AWS Region." */
const POLICIES_MAX = 10;
const PREFIX = "logs/resource-policies/";

const prefixOf = ({ account, region }: PolicyOwner): string => `${PREFIX}${account}/${region}/`;
/** AWS bounds a name neither in length nor in what it is made of; keys are. */
const keyOf = (owner: PolicyOwner, policyName: string): string =>
  prefixOf(owner) + createHash("sha256").update(policyName).digest("hex");

/** Policies that let services write into log groups. Every method throws AWS's errors. */
export class LogResourcePolicies {
  readonly #keyValue: KeyValueStore;
  readonly #clock: Clock;

  constructor(deps: { keyValue: KeyValueStore; clock: Clock }) {
    this.#keyValue = deps.keyValue;
    this.#clock = deps.clock;
  }

  /** A policy of the same name is replaced. */
  async put(owner: PolicyOwner, policyName: string, document: string): Promise<LogResourcePolicy> {
    const parsed = parsePolicyDocument(document, "resource");
    if ("problem" in parsed) throw invalidLogsParameter(parsed.problem);
    const others = (await this.list(owner)).filter((policy) => policy.policyName !== policyName);
    if (others.length >= POLICIES_MAX)
      throw new AwsError("LimitExceededException", "Resource limit exceeded.", 400);
    const { account, region } = owner;
    const updatedAtMs = this.#clock.nowMs();
    const policy = { schema: 1, account, region, policyName, document, updatedAtMs } as const;
    await this.#keyValue.put(keyOf(owner, policyName), Buffer.from(JSON.stringify(policy)));
    return policy;
  }

  async delete(owner: PolicyOwner, policyName: string): Promise<void> {
    const key = keyOf(owner, policyName);
    if ((await this.#keyValue.get(key)) === undefined)
      throw new AwsError(
        "ResourceNotFoundException",
        `Policy with name [${policyName}] does not exist.`,
        400,
      );
    await this.#keyValue.delete(key);
  }

  /** By name. */
  async list(owner: PolicyOwner): Promise<LogResourcePolicy[]> {
    const entries = await this.#keyValue.list(prefixOf(owner));
    return entries
      .map(({ value }) => JSON.parse(Buffer.from(value).toString()) as LogResourcePolicy)
      .sort((left, right) => (left.policyName < right.policyName ? -1 : 1));
  }

  /** To be evaluated; one that cannot be read any more allows nothing. */
  async documents(owner: PolicyOwner): Promise<PolicyDocument[]> {
    return (await this.list(owner)).flatMap(({ document }) => {
      const parsed = parsePolicyDocument(document, "resource");
      return "problem" in parsed ? [] : [parsed];
    });
  }
}
