import { resourceConflict } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import {
  ATTACHMENT_PREFIX,
  type AttachmentDocument,
  attachmentKey,
  decodeDocument,
  encodeDocument,
  type FunctionDocument,
  type FunctionName,
} from "./documents.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";

/** Lost races before a change gives up; each one means that somebody else's change succeeded. */
const ATTEMPTS_MAX = 20;

type Head = Pick<FunctionDocument, "account" | "region" | "functionName" | "functionId">;

/**
 * The settings that stand beside functions, of every kind, in memory and kept current by watching the store. Those of
 * functions that are gone count for nothing, and go with them.
 */
export class FunctionAttachments {
  readonly #keyValue: KeyValueStore;
  readonly #catalogue: FunctionCatalogue;
  readonly #clock: Clock;
  readonly #documents = new Map<string, AttachmentDocument>();
  readonly #followers = new Map<string, (document: AttachmentDocument, isRemoved: boolean) => void>();
  #watch: { close(): Promise<void> } | undefined;

  private constructor(keyValue: KeyValueStore, catalogue: FunctionCatalogue, clock: Clock) {
    this.#keyValue = keyValue;
    this.#catalogue = catalogue;
    this.#clock = clock;
  }

  /** Resolves when everything stored is known and what deleted functions left behind is removed. */
  static async open(
    keyValue: KeyValueStore,
    catalogue: FunctionCatalogue,
    clock: Clock,
  ): Promise<FunctionAttachments> {
    const attachments = new FunctionAttachments(keyValue, catalogue, clock);
    await attachments.#open();
    return attachments;
  }

  close(): Promise<void> {
    return this.#watch?.close() ?? Promise.resolve();
  }

  /** Undefined when the function has none of this kind for the qualifier. */
  find<V>(kind: string, head: Head, qualifier: string): AttachmentDocument<V> | undefined {
    const document = this.#documents.get(attachmentKey(head, kind, qualifier));
    return document?.functionId === head.functionId ? (document as AttachmentDocument<V>) : undefined;
  }

  /** Those of a function, in order of their qualifiers. */
  list<V>(kind: string, head: Head): AttachmentDocument<V>[] {
    const prefix = attachmentKey(head, kind, "");
    return [...this.#documents]
      .filter(([key, { functionId }]) => key.startsWith(prefix) && functionId === head.functionId)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, document]) => document as AttachmentDocument<V>);
  }

  /** Those of one kind of all functions that exist. */
  *all<V>(kind: string): IterableIterator<AttachmentDocument<V>> {
    for (const [key, document] of this.#documents)
      if (kindOf(key) === kind && this.#isCurrent(document)) yield document as AttachmentDocument<V>;
  }

  /** Tells the one follower of a kind of every document there is and of each change from now on. */
  follow<V>(kind: string, follower: (document: AttachmentDocument<V>, isRemoved: boolean) => void): void {
    this.#followers.set(kind, follower as (document: AttachmentDocument, isRemoved: boolean) => void);
    for (const [key, document] of this.#documents)
      if (kindOf(key) === kind) follower(document as AttachmentDocument<V>, false);
  }

  /**
   * Applies `decide` to the present value (undefined when there is none) until it is stored without a race. `decide`
   * throws to refuse.
   */
  async change<V>(
    kind: string,
    head: Head,
    qualifier: string,
    decide: (current: V | undefined) => V,
  ): Promise<AttachmentDocument<V>> {
    const key = attachmentKey(head, kind, qualifier);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await this.#keyValue.get(key);
      const stored = entry && decodeDocument<AttachmentDocument<V>>(entry.value);
      // One of an earlier function of this name counts for nothing and is written over.
      const current = stored?.functionId === head.functionId ? stored : undefined;
      const nowMs = this.#clock.nowMs();
      const document: AttachmentDocument<V> = {
        schema: 1,
        account: head.account,
        region: head.region,
        functionName: head.functionName,
        functionId: head.functionId,
        qualifier,
        value: decide(current?.value),
        createdMs: current?.createdMs ?? nowMs,
        lastModifiedMs: nowMs,
      };
      try {
        if (entry === undefined) await this.#keyValue.create(key, encodeDocument(document));
        else await this.#keyValue.update(key, encodeDocument(document), entry.revision);
        return document;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
    throw resourceConflict(
      `The operation cannot be performed at this time. Function ${head.functionName} is being changed by many callers.`,
    );
  }

  /** Absent is fine. */
  async remove(kind: string, name: FunctionName, qualifier: string): Promise<void> {
    await this.#keyValue.delete(attachmentKey(name, kind, qualifier));
  }

  async #open(): Promise<void> {
    const synced = Promise.withResolvers<void>();
    this.#watch = await this.#keyValue.watch(ATTACHMENT_PREFIX, (change) => {
      if (change.type === "synced") synced.resolve();
      else if (change.type === "delete") this.#note(change.key, undefined);
      else this.#note(change.entry.key, decodeDocument<AttachmentDocument>(change.entry.value));
    });
    await synced.promise;
    for (const [key, document] of this.#documents)
      if (!this.#isCurrent(document)) await this.#keyValue.delete(key);
  }

  #note(key: string, document: AttachmentDocument | undefined): void {
    const follower = this.#followers.get(kindOf(key));
    const earlier = this.#documents.get(key);
    if (earlier !== undefined) follower?.(earlier, true);
    if (document === undefined) this.#documents.delete(key);
    else {
      this.#documents.set(key, document);
      follower?.(document, false);
    }
  }

  #isCurrent({ account, region, functionName, functionId }: AttachmentDocument): boolean {
    return this.#catalogue.find({ account, region, functionName })?.head.functionId === functionId;
  }
}

const kindOf = (key: string): string => key.split("/")[4] ?? "";
