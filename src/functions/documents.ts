import type { AliasRouting } from "../core/alias-routing.ts";
import type { FileSystemMount } from "../core/file-systems.ts";
import type { Owner } from "../core/function-reference.ts";
import type { StateDescription, UpdateDescription } from "../core/function-states.ts";
import type { LoggingConfiguration } from "../core/function-version.ts";
import type { StoredCode } from "../ports/code-store.ts";
import type { Key } from "../ports/store.ts";

/** A layer version as a function keeps it: it outlives the version's deletion. */
export interface FunctionLayer {
  readonly arn: string;
  readonly code: StoredCode;
}

/** What a user configures, with defaults filled in. */
export interface FunctionSettings {
  readonly runtime: string;
  readonly handler: string;
  readonly roleArn: string;
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly ephemeralStorageMb: number;
  /** Absent when none were ever given: AWS then leaves the member out. */
  readonly environmentVariables?: Readonly<Record<string, string>>;
  readonly fileSystems?: readonly FileSystemMount[];
  /** AWS: the list is left out when there are none. */
  readonly layers?: readonly FunctionLayer[];
  readonly tracingMode: "Active" | "PassThrough";
  readonly logging: LoggingConfiguration;
  /** Where events go that could not be processed; a queue or a topic. */
  readonly deadLetterTargetArn?: string;
}

export type Architecture = "x86_64" | "arm64";

/** Code and settings as they run together; never changed, only replaced. */
export interface Deployment {
  readonly deploymentId: string;
  readonly settings: FunctionSettings;
  readonly code: StoredCode;
  readonly architecture: Architecture;
  /** The newest version of the runtime when the function was last updated. */
  readonly runtimeVersionHash?: string;
}

/** When a function, or a version of it, goes on to a newer version of its runtime; Auto where there is none. */
export interface RuntimeManagement {
  readonly updateRuntimeOn: "FunctionUpdate" | "Manual";
  /** The runtime that the setting was made for: it says nothing about another one. */
  readonly runtime: string;
  /** What runs: with FunctionUpdate until the deployment is another one. */
  readonly versionHash: string;
  readonly deploymentId: string;
}

/** A function: $LATEST, its state and what all its versions share. One key, changed by compare-and-set only. */
export interface FunctionDocument extends Owner {
  readonly schema: 1;
  readonly functionName: string;
  /** Differs between a function and a later one of the same name: tells leftovers of a deletion apart. */
  readonly functionId: string;
  /** The number that the next published version gets; never goes back. */
  readonly nextVersion: number;
  /** What the last publication published; publishing the same again is a no-op. */
  readonly lastPublished?: { readonly version: string; readonly fingerprint: string };
  /** A version published together with the creation or update that is still running. */
  readonly pendingVersion?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** By "$LATEST" or a version's number. */
  readonly runtimeManagement?: Readonly<Record<string, RuntimeManagement>>;
  readonly latest: Deployment;
  /** What $LATEST still runs while an update is in progress. */
  readonly serving?: Deployment;
  readonly state: StateDescription;
  readonly lastUpdate?: UpdateDescription;
  readonly revisionId: string;
  readonly lastModifiedMs: number;
}

/**
 * A published version. Written once; its number is valid when the function's document says so (`nextVersion` is
 * greater). Until then it is the leftover of an interrupted publication and the next one writes over it.
 */
export interface VersionDocument extends Owner {
  readonly schema: 1;
  readonly functionName: string;
  readonly functionId: string;
  readonly version: string;
  readonly deployment: Deployment;
  readonly revisionId: string;
  /** Reported while the version is being created, because AWS changes the id when it becomes Active. */
  readonly pendingRevisionId: string;
  readonly lastModifiedMs: number;
}

export interface AliasDocument extends Owner {
  readonly schema: 1;
  readonly functionName: string;
  readonly functionId: string;
  readonly aliasName: string;
  readonly functionVersion: string;
  readonly description: string;
  readonly routing?: AliasRouting;
  readonly revisionId: string;
}

/** What is reserved and provisioned for a function; there is none while nothing is. */
export interface ConcurrencyDocument extends Owner {
  readonly schema: 1;
  readonly functionName: string;
  readonly functionId: string;
  /** ReservedConcurrentExecutions; absent when nothing is reserved, 0 turns the function off. */
  readonly reserved?: number;
  /** At most one for each qualifier. */
  readonly provisioned: readonly ProvisionedSetting[];
}

export interface ProvisionedSetting {
  /** A version's number or an alias. */
  readonly qualifier: string;
  readonly requested: number;
  readonly lastModifiedMs: number;
}

/**
 * A setting that stands beside a function, for one of its qualifiers ("$LATEST" for the function itself): its URL, how
 * it is invoked asynchronously … `functionId` tells those of a deleted function of the same name apart.
 */
export interface AttachmentDocument<V = unknown> extends Owner {
  readonly schema: 1;
  readonly functionName: string;
  readonly functionId: string;
  readonly qualifier: string;
  readonly value: V;
  readonly createdMs: number;
  readonly lastModifiedMs: number;
}

export type StoredDocument =
  | FunctionDocument
  | VersionDocument
  | AliasDocument
  | ConcurrencyDocument
  | AttachmentDocument;

export const FUNCTION_PREFIX = "function/";
export const VERSION_PREFIX = "function-version/";
export const ALIAS_PREFIX = "alias/";
export const CONCURRENCY_PREFIX = "concurrency/";
export const ATTACHMENT_PREFIX = "function-attachment/";

export type FunctionName = Owner & { readonly functionName: string };

const path = ({ account, region, functionName }: FunctionName): string =>
  `${account}/${region}/${functionName}`;

export const functionKey = (name: FunctionName): Key => `${FUNCTION_PREFIX}${path(name)}`;

export const versionKey = (name: FunctionName, version: string): Key =>
  `${VERSION_PREFIX}${path(name)}/${version}`;

export const aliasKey = (name: FunctionName, aliasName: string): Key =>
  `${ALIAS_PREFIX}${path(name)}/${aliasName}`;

export const concurrencyKey = (name: FunctionName): Key => `${CONCURRENCY_PREFIX}${path(name)}`;

/** `kind` says what the attachment is; there is one of a kind for each qualifier. */
export const attachmentKey = (name: FunctionName, kind: string, qualifier: string): Key =>
  `${ATTACHMENT_PREFIX}${path(name)}/${kind}/${qualifier}`;

/** The function that a key belongs to, and the last segment for versions and aliases. */
export function parseKey(key: Key): { name: FunctionName; member: string } {
  const [, account = "", region = "", functionName = "", member = ""] = key.split("/");
  return { name: { account, region, functionName }, member };
}

export const encodeDocument = (document: StoredDocument): Uint8Array => Buffer.from(JSON.stringify(document));

/** Throws when the document was written by a newer version of Lambent. */
export function decodeDocument<D extends StoredDocument>(value: Uint8Array): D {
  const document = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()) as D;
  if (document.schema !== 1) {
    throw new Error(`a function document has schema ${String(document.schema)}, this version reads schema 1`);
  }
  return document;
}
