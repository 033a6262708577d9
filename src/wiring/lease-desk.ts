import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { readCredentialScope } from "../aws-api/protocol/credential-scope.ts";
import { functionArn } from "../core/arn.ts";
import {
  foreignAccount,
  isAliasName,
  type Owner,
  parseFunctionReference,
} from "../core/function-reference.ts";
import type { Principal } from "../core/principal.ts";
import type { Lease, LeaseAnswer, LeaseQuestion } from "../data-plane/calls.ts";
import type { Revocations } from "../data-plane/revocations.ts";
import type { InvocationTarget } from "../functions/function-record.ts";
import type { LeasedIdentity } from "../iam/caller-identities.ts";
import type { Platform } from "./platform.ts";

/** However little changes, a lease is asked for again after this time. */
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

  #grant(question: LeaseQuestion): Omit<Lease, "epoch"> | undefined {
    const { reference, qualifier } = question;
    const identity = this.#identity(question);
    if (identity === undefined) return undefined;
    const { principal, region, untilMs = Number.POSITIVE_INFINITY, signingKey } = identity;
    const owner = { account: principal.account, region };
    const target = this.#target(owner, reference, qualifier);
    if (target === undefined || !this.#mayInvoke({ principal, region }, question, target)) return undefined;
    return {
      ...owner,
      ...target,
      principal,
      untilMs: Math.min(clock.nowMs() + LEASE_MS, untilMs),
      ...(signingKey !== undefined && { signingKey }),
    };
  }

  #identity({ credential, sessionToken }: LeaseQuestion): LeasedIdentity | undefined {
    const headers = { authorization: credential, "x-amz-security-token": sessionToken };
    const scope = readCredentialScope(headers, new Map());
    if (scope.signingName !== undefined && scope.signingName !== "lambda") return undefined;
    const scopeDate = /Credential=[^/]+\/(\d{8})\//.exec(credential ?? "")?.[1];
    return this.#platform.callers.leased({ ...scope, scopeDate, service: scope.signingName });
  }

  /** False also where it depends on the single request. */
  #mayInvoke(
    context: { readonly principal: Principal; readonly region: string },
    { reference, qualifier }: LeaseQuestion,
    { invokedFunctionArn, version }: InvocationTarget,
  ): boolean {
    const { callers } = this.#platform;
    const input = { FunctionName: reference, ...(qualifier !== undefined && { Qualifier: qualifier }) };
    try {
      callers.authorize({ service: "lambda", operation: "Invoke", input, context });
    } catch {
      return false;
    }
    return [invokedFunctionArn, functionArn(version)].every((arn) =>
      callers.isUnconditional(context.principal, "lambda", arn),
    );
  }

  /** Undefined where it is not the same for every invocation, or its concurrency is not the account's. */
  #target(owner: Owner, reference: string, qualifier: string | undefined): InvocationTarget | undefined {
    if (foreignAccount(owner.account, reference) !== undefined) return undefined;
    const { functions } = this.#platform;
    try {
      const { version, invokedFunctionArn, executedVersion } = functions.resolveForInvoke(
        reference,
        qualifier,
        owner,
      );
      if (version.tracingMode === "Active" || this.#limited.has(nameOf(version))) return undefined;
      const target = { version, invokedFunctionArn, executedVersion };
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
