import { resourceConflict } from "../core/errors.ts";
import { functionNotFound } from "../core/function-reference.ts";
import {
  Conflict,
  type Entry,
  type Key,
  type KeyValueStore,
  type Revision,
  Unavailable,
} from "../ports/store.ts";
import {
  ALIAS_PREFIX,
  type AliasDocument,
  ATTACHMENT_PREFIX,
  aliasKey,
  type ConcurrencyDocument,
  concurrencyKey,
  decodeDocument,
  encodeDocument,
  type FunctionDocument,
  type FunctionName,
  functionKey,
  type StoredDocument,
  VERSION_PREFIX,
  type VersionDocument,
  versionKey,
} from "./documents.ts";

/** A new state of a function and, when something is published with it, the version. */
export interface FunctionChange {
  readonly document: FunctionDocument;
  readonly version?: VersionDocument;
}

/** Lost races before a change gives up; each one means that somebody else's change succeeded. */
const ATTEMPTS_MAX = 20;

/** Writes functions. Every decision is a compare-and-set on one key, so that it holds with many writers. */
export class FunctionRepository {
  readonly #keyValue: KeyValueStore;

  constructor(keyValue: KeyValueStore) {
    this.#keyValue = keyValue;
  }

  /** False when a function of this name exists. */
  createFunction(document: FunctionDocument): Promise<boolean> {
    return this.#write(functionKey(document), document, undefined);
  }

  /**
   * Applies `decide` to the current document until it is stored without a race. `decide` throws to refuse and
   * answers `undefined` to leave everything as it is; it may run several times. Throws AWS's 404 when the function
   * is gone.
   */
  async changeFunction<C extends FunctionChange>(
    name: FunctionName,
    decide: (current: FunctionDocument) => C | undefined,
  ): Promise<C | undefined> {
    const key = functionKey(name);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await this.#keyValue.get(key);
      if (entry === undefined) throw functionNotFound(name, name.functionName);
      const change = decide(decodeDocument<FunctionDocument>(entry.value));
      if (change === undefined) return undefined;
      const revision =
        change.version === undefined ? entry.revision : await this.#placeVersion(change.version, entry);
      if (revision !== undefined && (await this.#write(key, change.document, revision))) return change;
    }
    throw tooManyChanges(name);
  }

  /** Removes the function, then everything that belonged to it. Throws AWS's 404 when there is none. */
  async deleteFunction(name: FunctionName): Promise<void> {
    const functionId = await this.#deleteHead(name);
    await this.deleteMembers(name, (document) => document.functionId === functionId);
  }

  /** Removes what belongs to a name and `isLeftover` picks; used after deletions, also interrupted ones. */
  async deleteMembers(
    name: FunctionName,
    isLeftover: (document: { readonly functionId: string }) => boolean,
  ): Promise<void> {
    const concurrency = await this.#keyValue.get(concurrencyKey(name));
    if (concurrency !== undefined && isLeftover(decodeDocument<ConcurrencyDocument>(concurrency.value))) {
      await this.#deleteUnchanged(concurrency);
    }
    for (const prefix of [VERSION_PREFIX, ALIAS_PREFIX, ATTACHMENT_PREFIX]) {
      const path = `${prefix}${name.account}/${name.region}/${name.functionName}/`;
      for (const entry of await this.#keyValue.list(path)) {
        if (isLeftover(decodeDocument<VersionDocument>(entry.value))) await this.#deleteUnchanged(entry);
      }
    }
  }

  /** An absent version is fine. */
  async deleteVersion(name: FunctionName, version: string): Promise<void> {
    await this.#keyValue.delete(versionKey(name, version));
  }

  /** False when the function has an alias of this name. */
  async createAlias(document: AliasDocument): Promise<boolean> {
    const key = aliasKey(document, document.aliasName);
    if (await this.#write(key, document, undefined)) return true;
    const existing = await this.#keyValue.get(key);
    if (existing === undefined) return this.#write(key, document, undefined);
    // Left behind by an interrupted deletion of an earlier function of this name.
    const leftover = decodeDocument<AliasDocument>(existing.value).functionId !== document.functionId;
    return leftover && this.#write(key, document, existing.revision);
  }

  /** As `changeFunction`; `undefined` when there is no such alias. */
  async changeAlias(
    name: FunctionName,
    aliasName: string,
    decide: (current: AliasDocument) => AliasDocument,
  ): Promise<AliasDocument | undefined> {
    const key = aliasKey(name, aliasName);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await this.#keyValue.get(key);
      if (entry === undefined) return undefined;
      const document = decide(decodeDocument<AliasDocument>(entry.value));
      if (await this.#write(key, document, entry.revision)) return document;
    }
    throw tooManyChanges(name);
  }

  /** An absent alias is fine. */
  async deleteAlias(name: FunctionName, aliasName: string): Promise<void> {
    await this.#keyValue.delete(aliasKey(name, aliasName));
  }

  /**
   * Applies `decide` to what is reserved and provisioned until it is stored without a race; `current` is undefined
   * when nothing is. `decide` throws to refuse and answers `undefined` to leave everything as it is.
   */
  async changeConcurrency(
    head: FunctionDocument,
    decide: (current: ConcurrencyDocument | undefined) => ConcurrencyDocument | undefined,
  ): Promise<void> {
    const key = concurrencyKey(head);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await this.#keyValue.get(key);
      const stored = entry && decodeDocument<ConcurrencyDocument>(entry.value);
      // One of an earlier function of this name counts for nothing and is written over.
      const document = decide(stored?.functionId === head.functionId ? stored : undefined);
      if (document === undefined) return;
      const isNothing = document.reserved === undefined && document.provisioned.length === 0;
      if (isNothing) {
        if (entry === undefined || (await this.#deleteUnchanged(entry))) return;
      } else if (await this.#write(key, document, entry?.revision)) return;
    }
    throw tooManyChanges(head);
  }

  /**
   * Writes a version whose number is not valid yet, and answers the revision with which its function may make it so;
   * `undefined` when a race was lost.
   *
   * A document already under this number is the leftover of an interrupted publication, or belongs to one under way.
   * Writing the function again, unchanged, makes the latter fail at its last step; only then is the leftover, as it
   * was read before, overwritten. So a valid version never changes, whoever publishes at the same time.
   */
  async #placeVersion(version: VersionDocument, head: Entry): Promise<Revision | undefined> {
    const key = versionKey(version, version.version);
    if (await this.#write(key, version, undefined)) return head.revision;
    const leftover = await this.#keyValue.get(key);
    if (leftover === undefined) return undefined;
    const fenced = await this.#rewrite(head);
    if (fenced === undefined) return undefined;
    return (await this.#write(key, version, leftover.revision)) ? fenced : undefined;
  }

  async #rewrite(entry: Entry): Promise<Revision | undefined> {
    try {
      return await this.#keyValue.update(entry.key, entry.value, entry.revision);
    } catch (error) {
      if (error instanceof Conflict) return undefined;
      throw error;
    }
  }

  async #deleteHead(name: FunctionName): Promise<string> {
    const key = functionKey(name);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await this.#keyValue.get(key);
      if (entry === undefined) throw functionNotFound(name, name.functionName);
      if (await this.#deleteUnchanged(entry)) return decodeDocument<FunctionDocument>(entry.value).functionId;
    }
    throw tooManyChanges(name);
  }

  async #deleteUnchanged(entry: Entry): Promise<boolean> {
    try {
      await this.#keyValue.delete(entry.key, entry.revision);
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
  }

  /** False when somebody else was faster. A write of unknown outcome counts when the store holds its value. */
  async #write(key: Key, document: StoredDocument, revision: Revision | undefined): Promise<boolean> {
    const value = encodeDocument(document);
    try {
      if (revision === undefined) await this.#keyValue.create(key, value);
      else await this.#keyValue.update(key, value, revision);
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      if (!(error instanceof Unavailable)) throw error;
      const stored = await this.#keyValue.get(key);
      if (stored !== undefined && Buffer.compare(stored.value, value) === 0) return true;
      throw error;
    }
  }
}

const tooManyChanges = (name: FunctionName): Error =>
  resourceConflict(
    `The operation cannot be performed at this time. Function ${name.functionName} is being changed by many callers.`,
  );
