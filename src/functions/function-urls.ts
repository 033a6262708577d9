import { functionArn } from "../core/arn.ts";
import { AwsError, resourceConflict, resourceNotFound } from "../core/errors.ts";
import {
  isVersionNumber,
  type Owner,
  parseFunctionReference,
  parseUnqualifiedReference,
} from "../core/function-reference.ts";
import type { AttachmentDocument, FunctionDocument } from "./documents.ts";
import type { FunctionAttachments } from "./function-attachments.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { Page, PageRequest } from "./function-directory.ts";
import { pageOf } from "./page-of.ts";

/** Cross-origin settings as they were given. */
export interface FunctionUrlCors {
  readonly allowCredentials?: boolean;
  readonly allowHeaders?: readonly string[];
  readonly allowMethods?: readonly string[];
  readonly allowOrigins?: readonly string[];
  readonly exposeHeaders?: readonly string[];
  readonly maxAgeSeconds?: number;
}

export interface FunctionUrl {
  /** The first label of the URL's host, the same as long as the configuration lives. */
  readonly urlId: string;
  readonly authType: "AWS_IAM" | "NONE";
  readonly invokeMode: "BUFFERED" | "RESPONSE_STREAM";
  readonly cors?: FunctionUrlCors;
}

export type FunctionUrlDocument = AttachmentDocument<FunctionUrl>;
export type FunctionUrlChange = Partial<Omit<FunctionUrl, "urlId">>;

const KIND = "url";

interface Target {
  readonly head: FunctionDocument;
  /** "$LATEST" for the function itself. */
  readonly qualifier: string;
}

/** Function URL configurations of functions and aliases. */
export class FunctionUrls {
  readonly #catalogue: FunctionCatalogue;
  readonly #attachments: FunctionAttachments;
  readonly #newId: () => string;
  /** What a URL's host leads to: looked at for every request that comes in on one. */
  readonly #byUrlId = new Map<string, FunctionUrlDocument>();

  /** `newId` makes version 4 UUIDs. */
  constructor(catalogue: FunctionCatalogue, attachments: FunctionAttachments, newId: () => string) {
    this.#catalogue = catalogue;
    this.#attachments = attachments;
    this.#newId = newId;
    attachments.follow<FunctionUrl>(KIND, (document, isRemoved) => {
      if (isRemoved) this.#byUrlId.delete(document.value.urlId);
      else this.#byUrlId.set(document.value.urlId, document);
    });
  }

  async create(
    owner: Owner,
    asked: { readonly reference: string; readonly qualifier: string | undefined },
    settings: FunctionUrlChange & Pick<FunctionUrl, "authType">,
  ): Promise<FunctionUrlDocument> {
    const { head, qualifier } = this.#target(owner, asked, true);
    const url: FunctionUrl = {
      urlId: this.#newId().replaceAll("-", ""),
      invokeMode: "BUFFERED",
      ...settings,
    };
    return this.#attachments.change<FunctionUrl>(KIND, head, qualifier, (current) => {
      if (current !== undefined) {
        const arn = functionUrlTarget(head, qualifier);
        // AWS: with two spaces (recorded from the service).
        throw resourceConflict(
          `Failed to create function url config for [functionArn = ${arn}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
        );
      }
      return url;
    });
  }

  get(owner: Owner, reference: string, qualifier: string | undefined): FunctionUrlDocument {
    const target = this.#target(owner, { reference, qualifier }, false);
    const found = this.#attachments.find<FunctionUrl>(KIND, target.head, target.qualifier);
    if (found === undefined) throw noSuchUrl();
    return found;
  }

  async update(
    owner: Owner,
    asked: { readonly reference: string; readonly qualifier: string | undefined },
    change: FunctionUrlChange,
  ): Promise<FunctionUrlDocument> {
    const { head, qualifier } = this.#target(owner, asked, false);
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    return this.#attachments.change<FunctionUrl>(KIND, head, qualifier, (current) => {
      if (current === undefined) throw noSuchUrl();
      return { ...current, ...given };
    });
  }

  async remove(owner: Owner, reference: string, asked: string | undefined): Promise<void> {
    const { functionName, qualifier } = this.get(owner, reference, asked);
    await this.#attachments.remove(KIND, { ...owner, functionName }, qualifier);
  }

  list(owner: Owner, reference: string, page: PageRequest): Page<FunctionUrlDocument> {
    const functionName = parseUnqualifiedReference(owner, reference);
    const head = this.#catalogue.find({ ...owner, functionName })?.head;
    if (head === undefined) throw resourceNotFound("Function does not exist");
    return pageOf(this.#attachments.list<FunctionUrl>(KIND, head), ({ qualifier }) => qualifier, page);
  }

  /** The configuration behind a URL's host; undefined for a host that was never given out or is deleted. */
  byUrlId(urlId: string): FunctionUrlDocument | undefined {
    const document = this.#byUrlId.get(urlId);
    if (document === undefined) return undefined;
    const head = this.#catalogue.find(document)?.head;
    return head?.functionId === document.functionId ? document : undefined;
  }

  #target(
    owner: Owner,
    asked: { readonly reference: string; readonly qualifier: string | undefined },
    mustExist: boolean,
  ): Target {
    const { functionName, qualifier } = parseFunctionReference(owner, asked.reference, asked.qualifier);
    if (qualifier !== undefined && (isVersionNumber(qualifier) || qualifier.startsWith("$")))
      throw invalidQualifier(qualifier);
    const record = this.#catalogue.find({ account: owner.account, region: owner.region, functionName });
    if (record === undefined) throw mustExist ? resourceNotFound("Function does not exist") : noSuchUrl();
    // AWS: the configuration survives its alias, but cannot be made without it.
    if (mustExist && qualifier !== undefined && record.alias(qualifier) === undefined)
      throw resourceNotFound("Function does not exist");
    return { head: record.head, qualifier: qualifier ?? "$LATEST" };
  }
}

/** The ARN that a configuration belongs to. AWS: unqualified for the function itself. */
export const functionUrlTarget = (
  name: Owner & { readonly functionName: string },
  qualifier: string,
): string => functionArn(name, qualifier === "$LATEST" ? undefined : qualifier);

const noSuchUrl = () => resourceNotFound("The resource you requested does not exist.");

/** AWS: only an alias, or nothing, can be named. */
const invalidQualifier = (qualifier: string) =>
  new AwsError(
    "ValidationException",
    `1 validation error detected: Value '${qualifier}' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)`,
    400,
  );
