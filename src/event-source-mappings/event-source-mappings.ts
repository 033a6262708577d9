import {
  AwsError,
  invalidParameterValue,
  notSupported,
  resourceConflict,
  resourceNotFound,
} from "../core/errors.ts";
import type { Owner } from "../core/function-reference.ts";
import { checkTags } from "../core/resource-tags.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import type { EventSource } from "./event-source.ts";
import { checkPatterns } from "./filter-criteria.ts";
import type { MappedFunction, MappedFunctions } from "./mapped-functions.ts";
import { MappingCatalogue } from "./mapping-catalogue.ts";
import {
  decodeMapping,
  encodeMapping,
  type MappingDocument,
  mappingKey,
  parseMappingArn,
  type SourceKind,
} from "./mapping-document.ts";
import type { MappingEngine } from "./mapping-engine.ts";
import type { MappingInput } from "./mapping-input.ts";
import { defaultSettings, patternsOf, refuseUnsupported, settingsOf } from "./mapping-settings.ts";
import { checkMembers, checkRequired, checkTimeout, sourceKind } from "./source-rules.ts";
import { OTHER_BATCH_SIZE, sourceDefaults, sourceSettings } from "./source-settings.ts";

export interface EventSourceMappingsOptions {
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly functions: MappedFunctions;
  readonly sources: Readonly<Partial<Record<SourceKind, EventSource>>>;
  readonly engine: MappingEngine;
  /** Makes version 4 UUIDs. */
  readonly newId: () => string;
}

/** AWS's states of a mapping. */
export type MappingState =
  | "Creating"
  | "Enabling"
  | "Enabled"
  | "Disabling"
  | "Disabled"
  | "Updating"
  | "Deleting";

/** A mapping as the API tells of it. */
export interface MappingDescription {
  readonly mapping: MappingDocument;
  readonly state: MappingState;
  /** Undefined: nothing has happened since Lambent started. */
  readonly lastResult: string | undefined;
}

export interface MappingFilter {
  readonly eventSourceArn?: string | undefined;
  readonly functionName?: string | undefined;
  readonly marker?: string | undefined;
  readonly maxItems?: number | undefined;
}

/** AWS: of a page, whatever is asked for. */
const PAGE_MAX = 100;
const ATTEMPTS_MAX = 20;
const SOURCE_NAMES: Readonly<Record<SourceKind, string>> = {
  sqs: "Amazon SQS",
  kinesis: "Amazon Kinesis",
  dynamodb: "Amazon DynamoDB Streams",
  msk: "Amazon MSK",
  kafka: "self-managed Apache Kafka",
  mq: "Amazon MQ",
  documentdb: "Amazon DocumentDB",
};

/** Event source mappings: what is stored of them, and what the engine is to do. */
export class EventSourceMappings {
  readonly #options: EventSourceMappingsOptions;
  readonly #catalogue: MappingCatalogue;
  /** Creations and changes, one after the other: a function has one mapping of a source. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: EventSourceMappingsOptions, catalogue: MappingCatalogue) {
    this.#options = options;
    this.#catalogue = catalogue;
  }

  /** Reads all mappings and removes those whose deletion was acknowledged; nothing runs before `start`. */
  static async open(options: EventSourceMappingsOptions): Promise<EventSourceMappings> {
    const { keyValue, engine } = options;
    const catalogue = await MappingCatalogue.open(keyValue, {
      changed: (mapping) => engine.apply(mapping),
      removed: ({ uuid }) => engine.remove(uuid),
    });
    for (const mapping of catalogue.all())
      if (mapping.deleting !== undefined) await keyValue.delete(mappingKey(mapping));
    return new EventSourceMappings(options, catalogue);
  }

  start(): void {
    this.#options.engine.start(this.#catalogue.all());
  }

  /** Reads nothing more. What runs goes on; see `settled`. */
  stop(): void {
    this.#options.engine.stop();
  }

  /** Resolves when everything that was running when it was stopped is settled with its source. */
  settled(): Promise<void> {
    return this.#options.engine.settled();
  }

  close(): Promise<void> {
    return this.#catalogue.close();
  }

  /** CreateEventSourceMapping */
  create(owner: Owner, input: MappingInput): Promise<MappingDescription> {
    return this.#inTurn(async () => {
      const kind = sourceKind(input);
      checkMembers(kind, input);
      checkRequired(kind, input);
      checkTags(input.Tags ?? {});
      checkPatterns(patternsOf(input.FilterCriteria ?? {}));
      refuseUnsupported(input);
      const target = this.#target(owner, input.FunctionName ?? "");
      checkTimeout(kind, target.timeoutSeconds);
      const source = this.#readable(kind, input.Enabled ?? true);
      const { EventSourceArn: eventSourceArn = "" } = input;
      const batchSize = source?.defaultBatchSize ?? OTHER_BATCH_SIZE;
      const settings = settingsOf(input, defaultSettings(batchSize), target.functionArn);
      await source?.check({ ...ownerOf(owner), eventSourceArn, settings, target });
      this.#checkDuplicate(owner, eventSourceArn, target);
      const { keyValue, clock, newId } = this.#options;
      const mapping: MappingDocument = {
        schema: 1,
        ...ownerOf(owner),
        uuid: newId(),
        kind,
        eventSourceArn,
        enabled: input.Enabled ?? true,
        settings,
        ...(kind !== "sqs" && {
          sourceSettings: sourceSettings(input, sourceDefaults(kind === "kinesis" || kind === "dynamodb")),
        }),
        generation: 1,
        tags: input.Tags ?? {},
        lastModifiedMs: clock.nowMs(),
      };
      await keyValue.create(mappingKey(mapping), encodeMapping(mapping));
      // AWS: recorded from the service.
      return this.#describe(mapping, mapping.enabled ? "Creating" : "Disabled");
    });
  }

  /** GetEventSourceMapping */
  get(owner: Owner, uuid: string): MappingDescription {
    const mapping = this.#existing(owner, uuid);
    return this.#describe(mapping, this.#stateOf(mapping));
  }

  /** ListEventSourceMappings */
  list(
    owner: Owner,
    { eventSourceArn, functionName, marker, maxItems }: MappingFilter,
  ): { readonly items: readonly MappingDescription[]; readonly nextMarker: string | undefined } {
    const target = functionName && this.#options.functions.describe(owner, functionName);
    if (functionName && target === undefined) return { items: [], nextMarker: undefined };
    const after = marker && Buffer.from(marker, "base64url").toString();
    const remaining = this.#catalogue
      .of(owner)
      .filter(
        (mapping) =>
          (!eventSourceArn || mapping.eventSourceArn === eventSourceArn) &&
          (!target || mapping.settings.functionArn === target.functionArn) &&
          (!after || mapping.uuid > after),
      );
    const page = remaining.slice(0, Math.min(maxItems ?? PAGE_MAX, PAGE_MAX));
    const last = page.at(-1);
    const isMore = last !== undefined && remaining.length > page.length;
    return {
      items: page.map((mapping) => this.#describe(mapping, this.#stateOf(mapping))),
      nextMarker: isMore ? Buffer.from(last.uuid).toString("base64url") : undefined,
    };
  }

  /** UpdateEventSourceMapping: members that are not given stay as they are. */
  update(owner: Owner, uuid: string, input: MappingInput): Promise<MappingDescription> {
    return this.#inTurn(async () => {
      const current = this.#existing(owner, uuid);
      refuseWhileDeleting(current, "update");
      const { kind, eventSourceArn } = current;
      checkMembers(kind, input);
      checkPatterns(patternsOf(input.FilterCriteria ?? {}));
      refuseUnsupported(input);
      const reference = input.FunctionName ?? current.settings.functionArn;
      const target = this.#target(owner, reference);
      checkTimeout(kind, target.timeoutSeconds);
      this.#readable(kind, input.Enabled ?? current.enabled);
      const settings = settingsOf(input, current.settings, target.functionArn);
      await this.#options.sources[kind]?.check({ ...ownerOf(owner), eventSourceArn, settings, target });
      if (settings.functionArn !== current.settings.functionArn)
        this.#checkDuplicate(owner, eventSourceArn, target);
      const enabled = input.Enabled ?? current.enabled;
      const changed = await this.#change(current, (latest) => ({
        ...latest,
        enabled,
        settings,
        ...(kind !== "sqs" && { sourceSettings: sourceSettings(input, latest.sourceSettings ?? {}) }),
        generation: latest.generation + 1,
        lastModifiedMs: this.#options.clock.nowMs(),
      }));
      const isSwitched = enabled !== current.enabled;
      return this.#describe(changed, isSwitched ? (enabled ? "Enabling" : "Disabling") : "Updating");
    });
  }

  /** DeleteEventSourceMapping: acknowledged when it is on disk; the mapping goes when nothing runs for it. */
  remove(owner: Owner, uuid: string): Promise<MappingDescription> {
    return this.#inTurn(async () => {
      const current = this.#existing(owner, uuid);
      refuseWhileDeleting(current, "delete");
      const deleting = await this.#change(current, (latest) => ({ ...latest, deleting: true }));
      const { engine, keyValue, logger } = this.#options;
      engine
        .ended(uuid)
        .then(() => keyValue.delete(mappingKey(deleting)))
        .catch((error: unknown) =>
          // It goes when Lambent starts again.
          logger.warn("an event source mapping could not be removed", { uuid, error: String(error) }),
        );
      return this.#describe(deleting, "Deleting");
    });
  }

  tags(owner: Owner, arn: string): Readonly<Record<string, string>> {
    return this.#byArn(owner, arn).tags;
  }

  changeTags(
    owner: Owner,
    arn: string,
    next: (tags: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
  ): Promise<unknown> {
    return this.#inTurn(() =>
      this.#change(this.#byArn(owner, arn), (latest) => {
        const tags = next(latest.tags);
        checkTags(tags);
        return { ...latest, tags };
      }),
    );
  }

  /**
   * Condition keys of a request about one mapping. AWS: lambda:FunctionArn. A change to another function must be allowed
   * for both: there is one set of keys for each.
   */
  conditionKeys(
    owner: Owner,
    { UUID: uuid, FunctionName: reference }: Readonly<Record<string, unknown>>,
  ): readonly Readonly<Record<string, string>>[] {
    const current = typeof uuid === "string" ? this.#catalogue.find(owner, uuid) : undefined;
    const asked =
      typeof reference === "string" ? this.#options.functions.describe(owner, reference) : undefined;
    const arns = new Set(
      [current?.settings.functionArn, asked?.functionArn].filter((arn) => arn !== undefined),
    );
    return arns.size === 0 ? [{}] : [...arns].map((arn) => ({ "lambda:FunctionArn": arn }));
  }

  /** What reads a source. A mapping of one that nothing here reads can be kept, and not be enabled. */
  #readable(kind: SourceKind, enabled: boolean): EventSource | undefined {
    const source = this.#options.sources[kind];
    if (source === undefined && enabled)
      throw notSupported(`An event source mapping of ${SOURCE_NAMES[kind]} that is enabled`);
    return source;
  }

  #stateOf(mapping: MappingDocument): MappingState {
    if (mapping.deleting !== undefined) return "Deleting";
    if (mapping.enabled) return "Enabled";
    return this.#options.engine.isEnding(mapping.uuid) ? "Disabling" : "Disabled";
  }

  #describe(mapping: MappingDocument, state: MappingState): MappingDescription {
    return { mapping, state, lastResult: this.#options.engine.lastResult(mapping.uuid) };
  }

  #existing(owner: Owner, uuid: string): MappingDocument {
    const mapping = this.#catalogue.find(owner, uuid);
    if (mapping === undefined) throw doesNotExist();
    return mapping;
  }

  #byArn(owner: Owner, arn: string): MappingDocument {
    const named = parseMappingArn(arn);
    if (named?.region !== owner.region || named.account !== owner.account) throw doesNotExist();
    return this.#existing(owner, named.uuid);
  }

  #target(owner: Owner, reference: string): MappedFunction {
    const target = this.#options.functions.describe(owner, reference);
    if (target === undefined) throw invalidParameterValue("Function does not exist");
    return target;
  }

  /** AWS: the words of queues, recorded from the service. */
  #checkDuplicate(owner: Owner, eventSourceArn: string, target: MappedFunction): void {
    const existing = this.#catalogue
      .of(owner)
      .find(
        (mapping) =>
          mapping.eventSourceArn === eventSourceArn && mapping.settings.functionArn === target.functionArn,
      );
    if (existing === undefined) return;
    const named = `(" ${eventSourceArn} ") and function (" ${target.functionName} ")`;
    throw resourceConflict(
      `${existing.kind === "sqs" ? `An event source mapping with SQS arn ${named}` : `The event source arn ${named} provided mapping`} already exists. ` +
        `Please update or delete the existing mapping with UUID ${existing.uuid}`,
    );
  }

  async #change(
    mapping: MappingDocument,
    decide: (latest: MappingDocument) => MappingDocument,
  ): Promise<MappingDocument> {
    const { keyValue } = this.#options;
    const key = mappingKey(mapping);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await keyValue.get(key);
      if (entry === undefined) throw doesNotExist();
      const changed = decide(decodeMapping(entry.value));
      try {
        await keyValue.update(key, encodeMapping(changed), entry.revision);
        return changed;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
    throw resourceConflict("The event source mapping is being changed by many callers.");
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

const ownerOf = ({ account, region }: Owner): Owner => ({ account, region });

const doesNotExist = () => resourceNotFound("The resource you requested does not exist.");

function refuseWhileDeleting(mapping: MappingDocument, what: "update" | "delete"): void {
  if (mapping.deleting !== undefined)
    throw new AwsError(
      "ResourceInUseException",
      `Cannot ${what} the event source mapping because it is in use.`,
      400,
    );
}
