import type { Owner } from "../core/function-reference.ts";
import type { SourceSettings } from "./source-settings.ts";

/** What a mapping reads from. */
export type SourceKind = "sqs" | "kinesis" | "dynamodb" | "msk" | "kafka" | "mq" | "documentdb";

/** What can be changed about a mapping, complete with AWS's defaults. */
export interface MappingSettings {
  /** As it was named: with the alias or version, when one was given. */
  readonly functionArn: string;
  readonly batchSize: number;
  readonly maximumBatchingWindowSeconds: number;
  /** JSON texts; a record goes to the function when one of them matches, or when there is none. */
  readonly filterPatterns: readonly string[];
  readonly reportsBatchItemFailures: boolean;
  readonly maximumConcurrency?: number | undefined;
  /** Its records are counted for CloudWatch. */
  readonly countsEvents?: boolean | undefined;
  readonly provisionedPollers?: { readonly minimum: number; readonly maximum: number } | undefined;
}

/** An event source mapping as it is stored. */
export interface MappingDocument extends Owner {
  readonly schema: 1;
  readonly uuid: string;
  readonly kind: SourceKind;
  readonly eventSourceArn: string;
  readonly enabled: boolean;
  /** Its deletion was acknowledged; it goes as soon as nothing runs for it any more. */
  readonly deleting?: true;
  readonly settings: MappingSettings;
  /** Of sources other than queues. */
  readonly sourceSettings?: SourceSettings | undefined;
  /** Grows with each change of what the engine has to know. */
  readonly generation: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly lastModifiedMs: number;
}

export const MAPPING_PREFIX = "event-source-mapping/";

export const mappingKey = ({ account, region, uuid }: Owner & { readonly uuid: string }): string =>
  `${MAPPING_PREFIX}${account}/${region}/${uuid}`;

export const mappingArn = ({ account, region, uuid }: Owner & { readonly uuid: string }): string =>
  `arn:aws:lambda:${region}:${account}:event-source-mapping:${uuid}`;

const MAPPING_ARN = /^arn:aws[a-zA-Z-]*:lambda:([^:]+):(\d{12}):event-source-mapping:([^:]+)$/;

/** Undefined for what is no mapping's ARN. */
export function parseMappingArn(arn: string): (Owner & { readonly uuid: string }) | undefined {
  const [, region, account, uuid] = MAPPING_ARN.exec(arn) ?? [];
  return region === undefined || account === undefined || uuid === undefined
    ? undefined
    : { account, region, uuid };
}

export const encodeMapping = (document: MappingDocument): Uint8Array => Buffer.from(JSON.stringify(document));

/** Throws for documents of another schema. */
export function decodeMapping(value: Uint8Array): MappingDocument {
  const document = JSON.parse(Buffer.from(value).toString()) as MappingDocument;
  if (document.schema !== 1)
    throw new Error(
      `an event source mapping has schema ${String(document.schema)}, this version reads schema 1`,
    );
  return document;
}
