import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { readCredentialScope } from "../aws-api/protocol/credential-scope.ts";
import { functionArn } from "../core/arn.ts";
import {
  foreignAccount,
  isAliasName,
  type Owner,
  parseFunctionReference,
} from "../core/function-reference.ts";
import type { Lease, LeaseAnswer, LeaseQuestion } from "../data-plane/calls.ts";
import type { Revocations } from "../data-plane/revocations.ts";
import type { InvocationTarget } from "../functions/function-record.ts";
import type { Platform } from "./platform.ts";

/** However little changes, a lease is asked for again after this time: its role's credentials are renewed with it. */
const LEASE_MS = 60 * 60 * 1000;

/** Grants leases. What it does not grant, the main process does itself, refusals included. */
export class LeaseDesk {
  readonly #platform: Pick<Platform, "callers" | "functions">;
  readonly #revocations: Revocations;
  /** Functions that have something reserved or provisioned. */
  readonly #limited = new Set<string>();

  constructor(platform: Pick<Platform, "callers" | "functions">, revocations: Revocations) {
    this.#platform = platform;
    this.#revocations = revocations;
    platform.functions.onConcurrencyChanged(({ reserved, provisioned, ...name }) => {
      if (reserved === undefined && provisioned.length === 0) this.#limited.delete(nameOf(name));
      else this.#limited.add(nameOf(name));
    });
  }

  answer(question: LeaseQuestion): LeaseAnswer {
    const { epoch } = this.#revocations;
    const lease = this.#grant(question);
    return lease === undefined ? { epoch, forward: true } : { ...lease, epoch };
  }

  #grant({
    credential,
    sessionToken,
    reference,
    qualifier,
  }: LeaseQuestion): Omit<Lease, "epoch"> | undefined {
    const { callers } = this.#platform;
    const scope = readCredentialScope(
      { authorization: credential, "x-amz-security-token": sessionToken },
      new Map(),
    );
    if (scope.signingName !== undefined && scope.signingName !== "lambda") return undefined;
    const scopeDate = /Credential=[^/]+\/(\d{8})\//.exec(credential ?? "")?.[1];
    const identity = callers.leased({ ...scope, scopeDate, service: scope.signingName });
    if (identity === undefined) return undefined;
    const { principal, region } = identity;
    const owner = { account: principal.account, region };
    if (foreignAccount(owner.account, reference) !== undefined) return undefined;
    const input = { FunctionName: reference, ...(qualifier !== undefined && { Qualifier: qualifier }) };
    try {
      callers.authorize({ service: "lambda", operation: "Invoke", input, context: { principal, region } });
    } catch {
      return undefined;
    }
    const target = this.#target(owner, reference, qualifier);
    if (target === undefined) return undefined;
    const { version, invokedFunctionArn, executedVersion } = target;
    const isUnconditional = [invokedFunctionArn, functionArn(version)].every((arn) =>
      callers.isUnconditional(principal, "lambda", arn),
    );
    if (!isUnconditional) return undefined;
    return {
      ...owner,
      principal,
      untilMs: Math.min(clock.nowMs() + LEASE_MS, identity.untilMs ?? Number.POSITIVE_INFINITY),
      ...(identity.signingKey !== undefined && { signingKey: identity.signingKey }),
      version,
      invokedFunctionArn,
      executedVersion,
      credentials: callers.issueForFunction(version),
    };
  }

  /** Undefined where it is not the same for every invocation, or its concurrency is not the account's. */
  #target(owner: Owner, reference: string, qualifier: string | undefined): InvocationTarget | undefined {
    const { functions } = this.#platform;
    try {
      const target = functions.resolveForInvoke(reference, qualifier, owner);
      if (target.version.tracingMode === "Active" || this.#limited.has(nameOf(target.version)))
        return undefined;
      const asked = parseFunctionReference(owner, reference, qualifier);
      if (asked.qualifier === undefined || !isAliasName(asked.qualifier)) return target;
      const alias = functions.aliases.get(owner, asked.functionName, asked.qualifier);
      return alias.routing === undefined ? target : undefined;
    } catch {
      return undefined;
    }
  }
}

const nameOf = ({ account, region, functionName }: Owner & { readonly functionName: string }): string =>
  `${account}/${region}/${functionName}`;
