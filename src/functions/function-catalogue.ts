import { choosesAdditionalVersion } from "../core/alias-routing.ts";
import { functionArn } from "../core/arn.ts";
import type { FunctionConcurrency } from "../core/function-concurrency.ts";
import { functionNotFound, type Owner, parseFunctionReference } from "../core/function-reference.ts";
import { notActive } from "../core/function-states.ts";
import type { Change, KeyValueStore } from "../ports/store.ts";
import { concurrencyPlan } from "./concurrency-plan.ts";
import {
  ALIAS_PREFIX,
  type AliasDocument,
  CONCURRENCY_PREFIX,
  type ConcurrencyDocument,
  type Deployment,
  decodeDocument,
  FUNCTION_PREFIX,
  type FunctionDocument,
  type FunctionName,
  parseKey,
  VERSION_PREFIX,
  type VersionDocument,
} from "./documents.ts";
import { FunctionRecord, type InvocationTarget } from "./function-record.ts";

/** A deployment that no new invocation will be given to. */
export interface RetiredDeployment {
  readonly deploymentId: string;
  /** Of its package and its layers'. */
  readonly codeHashes: readonly string[];
}

/**
 * Every function in memory, kept current by watching the store: reads never touch the store, and a write is seen
 * here before its own promise resolves.
 */
export class FunctionCatalogue {
  readonly #owners = new Map<string, Map<string, FunctionRecord>>();
  readonly #sortedNames = new Map<string, string[]>();
  readonly #retirementListeners = new Set<(deployment: RetiredDeployment) => void>();
  readonly #removalListeners = new Set<(name: FunctionName) => void>();
  readonly #concurrencyListeners = new Set<(concurrency: FunctionConcurrency) => void>();
  readonly #deploymentListeners = new Set<(deployment: Deployment) => void>();
  readonly #random: () => number;
  readonly #watches: { close(): Promise<void> }[] = [];

  private constructor(random: () => number) {
    this.#random = random;
  }

  /** Resolves when the catalogue knows every function of the store. `random` is uniform in [0, 1). */
  static async open(keyValue: KeyValueStore, random: () => number): Promise<FunctionCatalogue> {
    const catalogue = new FunctionCatalogue(random);
    await catalogue.#watch(keyValue, FUNCTION_PREFIX, (change) => catalogue.#onFunction(change));
    await catalogue.#watch(keyValue, VERSION_PREFIX, (change) => catalogue.#onVersion(change));
    await catalogue.#watch(keyValue, ALIAS_PREFIX, (change) => catalogue.#onAlias(change));
    await catalogue.#watch(keyValue, CONCURRENCY_PREFIX, (change) => catalogue.#onConcurrency(change));
    return catalogue;
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.close()));
  }

  /** Tells of deployments replaced by an update or deleted; several times for one is possible. */
  onDeploymentRetired(listener: (deployment: RetiredDeployment) => void): () => void {
    this.#retirementListeners.add(listener);
    return () => this.#retirementListeners.delete(listener);
  }

  /** Tells of functions of which nothing is left. */
  onFunctionRemoved(listener: (name: FunctionName) => void): () => void {
    this.#removalListeners.add(listener);
    return () => this.#removalListeners.delete(listener);
  }

  /** Tells at once of what every function deploys as $LATEST, then of each change; several times for one is possible. */
  onDeployed(listener: (deployment: Deployment) => void): () => void {
    this.#deploymentListeners.add(listener);
    for (const { head } of this.records()) if (head !== undefined) listener(head.latest);
    return () => this.#deploymentListeners.delete(listener);
  }

  /**
   * Tells at once of everything reserved and provisioned, then again for a function whenever that, or the version
   * that one of its aliases points to, may have changed.
   */
  onConcurrencyChanged(listener: (concurrency: FunctionConcurrency) => void): () => void {
    this.#concurrencyListeners.add(listener);
    for (const record of this.records()) {
      if (record.concurrency !== undefined) listener(concurrencyPlan(record));
    }
    return () => this.#concurrencyListeners.delete(listener);
  }

  /**
   * What an invocation of `reference` runs, chosen by weight for an alias with routing. Synchronous, and for
   * bare names no more than three look-ups. Throws AWS's errors when there is no such function or it cannot be invoked now.
   */
  resolveForInvoke(reference: string, qualifier: string | undefined, owner: Owner): InvocationTarget {
    const bare = this.#record(owner, reference);
    if (bare?.head !== undefined) return this.#invocable(bare, qualifier === "" ? undefined : qualifier);
    const parsed = parseFunctionReference(owner, reference, qualifier);
    const record = this.#record(owner, parsed.functionName);
    // AWS: an invocation names $LATEST in this error even when the caller gave no qualifier.
    if (record?.head === undefined) {
      throw functionNotFound(owner, parsed.functionName, parsed.qualifier ?? "$LATEST");
    }
    return this.#invocable(record, parsed.qualifier);
  }

  /** The record of an existing function, or undefined. */
  find(name: FunctionName): (FunctionRecord & { readonly head: FunctionDocument }) | undefined {
    const record = this.#record(name, name.functionName);
    return record?.head === undefined
      ? undefined
      : (record as FunctionRecord & { readonly head: FunctionDocument });
  }

  /** As `find`; throws AWS's 404, naming the qualifier when one was asked for. */
  get(
    owner: Owner,
    functionName: string,
    qualifier?: string,
  ): FunctionRecord & { readonly head: FunctionDocument } {
    const { account, region } = owner;
    const record = this.find({ account, region, functionName });
    if (record === undefined) throw functionNotFound({ account, region }, functionName, qualifier);
    return record;
  }

  /** Names of an owner's functions in order. The array is shared: do not change it. */
  names(owner: Owner): readonly string[] {
    const ownerKey = keyOf(owner);
    let sorted = this.#sortedNames.get(ownerKey);
    if (sorted === undefined) {
      const records = [...(this.#owners.get(ownerKey)?.values() ?? [])];
      sorted = records.filter(({ head }) => head !== undefined).map(({ name }) => name.functionName);
      sorted.sort();
      this.#sortedNames.set(ownerKey, sorted);
    }
    return sorted;
  }

  /** Every function name that has a document of any kind, leftovers included. */
  *records(): IterableIterator<FunctionRecord> {
    for (const records of this.#owners.values()) yield* records.values();
  }

  /** Hashes of all packages that some document refers to, leftovers included. */
  referencedCode(): Set<string> {
    const referenced = new Set<string>();
    const refer = (deployment: Deployment | undefined): void => {
      if (deployment === undefined) return;
      for (const codeHash of packagesOf(deployment)) referenced.add(codeHash);
    };
    for (const { head, versions } of this.records()) {
      refer(head?.latest);
      refer(head?.serving);
      for (const { document } of versions.values()) refer(document.deployment);
    }
    return referenced;
  }

  /** An owner's functions that have something reserved or provisioned. */
  *concurrencies(owner: Owner): IterableIterator<ConcurrencyDocument> {
    for (const { concurrency } of this.#owners.get(keyOf(owner))?.values() ?? []) {
      if (concurrency !== undefined) yield concurrency;
    }
  }

  /** What an owner's functions and versions count against the code storage quota. */
  codeStorageBytes(owner: Owner): number {
    let total = 0;
    for (const record of this.#owners.get(keyOf(owner))?.values() ?? []) {
      total += record.head?.latest.code.sizeBytes ?? 0;
      for (const { document } of record.versions.values()) total += document.deployment.code.sizeBytes;
    }
    return total;
  }

  #invocable(record: FunctionRecord, qualifier: string | undefined): InvocationTarget {
    const target =
      qualifier === undefined
        ? record.unqualified
        : qualifier === "$LATEST"
          ? record.latest
          : (record.version(qualifier)?.target ?? this.#throughAlias(record, qualifier));
    if (target === undefined) throw functionNotFound(ownerOf(record), record.name.functionName, qualifier);
    if (target.version.state !== "Active") throw notActive(target.version.state);
    if (record.head?.pendingVersion === target.executedVersion) throw notActive("Pending");
    return target;
  }

  #throughAlias(record: FunctionRecord, qualifier: string): InvocationTarget | undefined {
    const alias = record.alias(qualifier);
    if (alias === undefined) return undefined;
    const additional =
      alias.routing !== undefined && choosesAdditionalVersion(alias.routing, this.#random())
        ? record.version(alias.routing.version)?.target
        : undefined;
    const target =
      additional ??
      (alias.functionVersion === "$LATEST" ? record.latest : record.version(alias.functionVersion)?.target);
    if (target === undefined) {
      throw functionNotFound(ownerOf(record), record.name.functionName, alias.functionVersion);
    }
    return {
      version: target.version,
      invokedFunctionArn: functionArn(record.name, qualifier),
      executedVersion: target.executedVersion,
    };
  }

  #record(owner: Owner, functionName: string): FunctionRecord | undefined {
    return this.#owners.get(keyOf(owner))?.get(functionName);
  }

  async #watch(keyValue: KeyValueStore, prefix: string, apply: (change: KeyedChange) => void): Promise<void> {
    const synced = Promise.withResolvers<void>();
    this.#watches.push(
      await keyValue.watch(prefix, (change) => {
        if (change.type === "synced") synced.resolve();
        else apply(change);
      }),
    );
    await synced.promise;
  }

  #onFunction(change: KeyedChange): void {
    this.#change(change, (record) => {
      const before = record.head;
      record.head = change.type === "put" ? decodeDocument<FunctionDocument>(change.entry.value) : undefined;
      if ((before === undefined) !== (record.head === undefined))
        this.#sortedNames.delete(keyOf(record.name));
      const { head } = record;
      if (head !== undefined) for (const listener of this.#deploymentListeners) listener(head.latest);
      if (before === undefined) return;
      const served = before.serving ?? before.latest;
      const serves = record.head?.serving ?? record.head?.latest;
      if (served.deploymentId !== serves?.deploymentId) this.#retire(served);
      if (record.head?.functionId === before.functionId) return;
      for (const { document } of record.versions.values()) this.#retire(document.deployment);
    });
  }

  #onVersion(change: KeyedChange): void {
    this.#change(change, (record, version) => {
      const before = record.versions.get(version)?.document.deployment;
      if (change.type === "put") record.putVersion(decodeDocument<VersionDocument>(change.entry.value));
      else record.versions.delete(version);
      const after = record.versions.get(version)?.document.deployment;
      if (before !== undefined && before.deploymentId !== after?.deploymentId) this.#retire(before);
    });
  }

  #onAlias(change: KeyedChange): void {
    this.#change(change, (record, aliasName) => {
      if (change.type === "put") {
        record.aliases.set(aliasName, decodeDocument<AliasDocument>(change.entry.value));
      } else {
        record.aliases.delete(aliasName);
      }
    });
  }

  #onConcurrency(change: KeyedChange): void {
    this.#change(change, (record) => {
      record.storedConcurrency =
        change.type === "put" ? decodeDocument<ConcurrencyDocument>(change.entry.value) : undefined;
    });
  }

  #change(change: KeyedChange, apply: (record: FunctionRecord, member: string) => void): void {
    const { name, member } = parseKey(change.type === "put" ? change.entry.key : change.key);
    const ownerKey = keyOf(name);
    let records = this.#owners.get(ownerKey);
    if (records === undefined) {
      records = new Map();
      this.#owners.set(ownerKey, records);
    }
    const record = records.get(name.functionName) ?? new FunctionRecord(name);
    records.set(name.functionName, record);
    const before = record.concurrency;
    apply(record, member);
    if (record.empty) {
      records.delete(name.functionName);
      for (const listener of this.#removalListeners) listener(name);
    }
    if (before === undefined && record.concurrency === undefined) return;
    const concurrency = concurrencyPlan(record);
    for (const listener of this.#concurrencyListeners) listener(concurrency);
  }

  #retire(deployment: Deployment): void {
    const retired = { deploymentId: deployment.deploymentId, codeHashes: packagesOf(deployment) };
    for (const listener of this.#retirementListeners) listener(retired);
  }
}

const packagesOf = ({ code, settings }: Deployment): string[] => [
  code.codeHash,
  ...(settings.layers ?? []).map((layer) => layer.code.codeHash),
];

type KeyedChange = Exclude<Change, { readonly type: "synced" }>;

const keyOf = ({ account, region }: Owner): string => `${account}/${region}`;

const ownerOf = ({ name }: FunctionRecord): Owner => ({ account: name.account, region: name.region });
