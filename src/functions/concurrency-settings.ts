import { functionArn } from "../core/arn.ts";
import { AwsError, invalidParameterValue, notSupported, resourceConflict } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import {
  functionNotFound,
  type Owner,
  parseFunctionReference,
  parseUnqualifiedReference,
} from "../core/function-reference.ts";
import { notActive } from "../core/function-states.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { Clock } from "../ports/clock.ts";
import {
  provisionedSetting,
  provisionedTotal,
  provisionedVersion,
  removeProvisioned,
  unpublishedVersion,
} from "./concurrency-plan.ts";
import type { ConcurrencyDocument, FunctionDocument, ProvisionedSetting } from "./documents.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { Page, PageRequest } from "./function-directory.ts";
import type { FunctionRecord } from "./function-record.ts";
import type { FunctionRepository } from "./function-repository.ts";

/** Provisioned concurrency as it was asked for. */
export interface ProvisionedConfiguration extends ProvisionedSetting {
  /** With the qualifier. */
  readonly functionArn: string;
  /** Whose environments are asked for; undefined when the alias points to no published version. */
  readonly version: FunctionVersion | undefined;
}

export interface AccountConcurrency {
  readonly limit: number;
  /** What no function has reserved. */
  readonly unreserved: number;
}

type ExistingFunction = FunctionRecord & { readonly head: FunctionDocument };

/** Reserved and provisioned concurrency as users set it; reads come from memory. */
export class ConcurrencySettings {
  readonly #catalogue: FunctionCatalogue;
  readonly #repository: FunctionRepository;
  readonly #clock: Clock;
  readonly #accountConcurrency: number;
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(dependencies: {
    readonly catalogue: FunctionCatalogue;
    readonly repository: FunctionRepository;
    readonly clock: Clock;
    readonly accountConcurrency: number;
  }) {
    this.#catalogue = dependencies.catalogue;
    this.#repository = dependencies.repository;
    this.#clock = dependencies.clock;
    this.#accountConcurrency = dependencies.accountConcurrency;
  }

  account(owner: Owner): AccountConcurrency {
    let reserved = 0;
    for (const concurrency of this.#catalogue.concurrencies(owner)) reserved += concurrency.reserved ?? 0;
    return { limit: this.#accountConcurrency, unreserved: this.#accountConcurrency - reserved };
  }

  /** Undefined when nothing is reserved. */
  reserved(owner: Owner, reference: string): number | undefined {
    return this.#function(owner, reference).concurrency?.reserved;
  }

  /** PutFunctionConcurrency. Throws AWS's errors when too little is left for other functions or provisioned ones. */
  async reserve(owner: Owner, reference: string, reserved: number): Promise<void> {
    await this.#change(this.#function(owner, reference), (current) => {
      const provisioned = provisionedTotal(current.provisioned);
      if (reserved < provisioned) {
        // AWS: with two spaces (recorded from the service).
        throw invalidParameterValue(
          `ReservedConcurrentExecutions  ${reserved} should not be lower than function's total provisioned concurrency [${provisioned}].`,
        );
      }
      if (reserved > this.#claimable(current)) throw this.#tooLittleLeft("ReservedConcurrentExecutions");
      return { ...current, reserved };
    });
  }

  /** DeleteFunctionConcurrency; fine when nothing is reserved. */
  async release(owner: Owner, reference: string): Promise<void> {
    await this.#change(this.#function(owner, reference), ({ reserved: _reserved, ...rest }) => rest);
  }

  /** PutProvisionedConcurrencyConfig. */
  async provision(
    owner: Owner,
    asked: { readonly reference: string; readonly qualifier: string; readonly requested: number },
  ): Promise<ProvisionedConfiguration> {
    const { requested } = asked;
    const { record, qualifier } = this.#qualified(
      owner,
      asked.reference,
      asked.qualifier,
      unpublishedVersion,
    );
    checkProvisionable(record, qualifier);
    const setting = { qualifier, requested, lastModifiedMs: this.#clock.nowMs() };
    await this.#change(record, (current) => {
      const others = current.provisioned.filter((other) => other.qualifier !== qualifier);
      const provisioned = [...others, setting];
      const total = provisionedTotal(provisioned);
      if (current.reserved !== undefined && total > current.reserved) {
        throw invalidParameterValue(
          "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
        );
      }
      if (current.reserved === undefined) this.#checkUnreserved(owner, current, total);
      return { ...current, provisioned };
    });
    return configurationOf(record, setting);
  }

  /** Throws AWS's 404 when nothing is provisioned for the qualifier. */
  provisioned(owner: Owner, reference: string, qualifier: string): ProvisionedConfiguration {
    const found = this.#qualified(owner, reference, qualifier, notQualified);
    const setting = provisionedSetting(found.record.concurrency, found.qualifier);
    if (setting === undefined) {
      throw new AwsError(
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
        404,
      );
    }
    return configurationOf(found.record, setting);
  }

  /** AWS: deleting what does not exist succeeds. */
  async unprovision(owner: Owner, reference: string, qualifier: string): Promise<void> {
    const found = this.#qualified(owner, reference, qualifier, notQualified);
    await removeProvisioned(this.#repository, found.record, found.qualifier);
  }

  /** In order of their qualifiers. */
  listProvisioned(owner: Owner, reference: string, page: PageRequest): Page<ProvisionedConfiguration> {
    const record = this.#function(owner, reference);
    const after = page.marker === undefined ? undefined : Buffer.from(page.marker, "base64url").toString();
    const remaining = [...(record.concurrency?.provisioned ?? [])]
      .sort((a, b) => (a.qualifier < b.qualifier ? -1 : 1))
      .filter(({ qualifier }) => after === undefined || qualifier > after);
    const settings = remaining.slice(0, page.maxItems ?? FUNCTION_LIMITS.pageSizeDefault);
    const last = settings.at(-1);
    const more = remaining.length > settings.length && last !== undefined;
    return {
      items: settings.map((setting) => configurationOf(record, setting)),
      nextMarker: more ? Buffer.from(last.qualifier).toString("base64url") : undefined,
    };
  }

  /**
   * One change at a time: how much of the account is left is told by the documents of all functions, and a
   * compare-and-set guards one of them only.
   */
  #change(
    { head }: ExistingFunction,
    decide: (current: ConcurrencyDocument) => ConcurrencyDocument,
  ): Promise<void> {
    const { account, region, functionName, functionId } = head;
    const none: ConcurrencyDocument = {
      schema: 1,
      account,
      region,
      functionName,
      functionId,
      provisioned: [],
    };
    const change = this.#lastChange.then(() =>
      this.#repository.changeConcurrency(head, (current) => decide(current ?? none)),
    );
    this.#lastChange = change.catch(() => undefined);
    return change;
  }

  #checkUnreserved(owner: Owner, current: ConcurrencyDocument, total: number): void {
    const { unreserved } = this.account(owner);
    if (total > unreserved) {
      throw invalidParameterValue(
        `Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [${unreserved}].`,
      );
    }
    if (total > this.#claimable(current)) throw this.#tooLittleLeft("ConcurrentExecutions");
  }

  /** How much a function may reserve or provision so that AWS's minimum is left to the others. */
  #claimable(subject: ConcurrencyDocument): number {
    let claimed = 0;
    for (const other of this.#catalogue.concurrencies(subject)) {
      if (other.functionName === subject.functionName) continue;
      claimed += other.reserved ?? provisionedTotal(other.provisioned);
    }
    return Math.max(0, this.#accountConcurrency - this.#unreservedMin - claimed);
  }

  /** AWS: an account with a smaller limit keeps all of it unreserved. */
  get #unreservedMin(): number {
    return Math.min(FUNCTION_LIMITS.unreservedConcurrencyMin, this.#accountConcurrency);
  }

  #tooLittleLeft(member: string): Error {
    return invalidParameterValue(
      `Specified ${member} for function decreases account's UnreservedConcurrentExecution below its minimum value of [${this.#unreservedMin}].`,
    );
  }

  #function(owner: Owner, reference: string): ExistingFunction {
    return this.#catalogue.get(owner, parseUnqualifiedReference(owner, reference));
  }

  /** The function and an existing version or alias of it. `refusal`: what is said to $LATEST. */
  #qualified(
    owner: Owner,
    reference: string,
    askedQualifier: string,
    refusal: () => Error,
  ): { readonly record: ExistingFunction; readonly qualifier: string } {
    const { functionName, qualifier } = parseFunctionReference(owner, reference, askedQualifier);
    if (qualifier === undefined || qualifier === "$LATEST") throw refusal();
    const record = this.#catalogue.get(owner, functionName, qualifier);
    if (record.version(qualifier) === undefined && record.alias(qualifier) === undefined) {
      throw functionNotFound(owner, functionName, qualifier);
    }
    return { record, qualifier };
  }
}

const notQualified = (): Error =>
  invalidParameterValue("The function resource provided must be an alias or a published version.");

function configurationOf(record: FunctionRecord, setting: ProvisionedSetting): ProvisionedConfiguration {
  return {
    ...setting,
    functionArn: functionArn(record.name, setting.qualifier),
    version: provisionedVersion(record, setting.qualifier),
  };
}

/** Refuses what AWS refuses: an alias and its version at once, unpublished versions, versions not there yet. */
function checkProvisionable(record: ExistingFunction, qualifier: string): void {
  const alias = record.alias(qualifier);
  const version = alias?.functionVersion ?? qualifier;
  if (version === "$LATEST") throw unpublishedVersion();
  if (record.head.pendingVersion === version) throw notActive("Pending");
  if (alias?.routing !== undefined) {
    // AWS: "You can't manage provisioned concurrency settings on the alias while the routing configuration is in
    // place" (developer guide); the words of its refusal are not documented.
    throw notSupported(`Provisioned concurrency for alias ${qualifier} while it has a routing configuration`);
  }
  if (alias !== undefined && provisionedSetting(record.concurrency, version) !== undefined) {
    throw resourceConflict(
      "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    );
  }
  const pointing = record
    .visibleAliases()
    .filter(({ functionVersion }) => alias === undefined && functionVersion === qualifier);
  if (pointing.some(({ aliasName }) => provisionedSetting(record.concurrency, aliasName) !== undefined)) {
    throw resourceConflict("Version is pointed by a Provisioned Concurrency alias");
  }
}
