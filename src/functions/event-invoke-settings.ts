import { functionArn } from "../core/arn.ts";
import { invalidParameterValue, resourceNotFound } from "../core/errors.ts";
import { type Owner, parseFunctionReference, parseUnqualifiedReference } from "../core/function-reference.ts";
import type { AttachmentDocument, FunctionDocument } from "./documents.ts";
import type { FunctionAttachments } from "./function-attachments.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { Page, PageRequest } from "./function-directory.ts";
import { pageOf } from "./page-of.ts";

/** How asynchronous invocations of a qualifier are retried and where their outcome goes; absent: AWS's default. */
export interface EventInvokeSetting {
  readonly maximumRetryAttempts?: number;
  readonly maximumEventAgeSeconds?: number;
  /** ARN; "" was given to have none. */
  readonly onSuccess?: string;
  readonly onFailure?: string;
}

export type EventInvokeDocument = AttachmentDocument<EventInvokeSetting>;

const KIND = "event-invoke";
/** AWS: "Capturing records of Lambda asynchronous invocations". */
const DESTINATION =
  /^arn:(aws[a-zA-Z-]*):(?:(?:sqs|sns):([a-z0-9-]+):(\d{12}):([\w-]+(?:\.fifo)?)|lambda:([a-z0-9-]+):(\d{12}):function:([\w-]+)(?::[\w$-]+)?|events:([a-z0-9-]+):(\d{12}):event-bus\/[\w./-]+|s3:::[\w.-]+)$/;

interface Target {
  readonly head: FunctionDocument;
  readonly qualifier: string;
}

/** Event-invoke configurations of functions, versions and aliases. */
export class EventInvokeSettings {
  readonly #catalogue: FunctionCatalogue;
  readonly #attachments: FunctionAttachments;

  constructor(catalogue: FunctionCatalogue, attachments: FunctionAttachments) {
    this.#catalogue = catalogue;
    this.#attachments = attachments;
  }

  /** PutFunctionEventInvokeConfig replaces, UpdateFunctionEventInvokeConfig (`merges`) changes what is given. */
  async change(
    owner: Owner,
    asked: {
      readonly reference: string;
      readonly qualifier: string | undefined;
      readonly setting: EventInvokeSetting;
      readonly merges: boolean;
    },
  ): Promise<EventInvokeDocument> {
    const { setting, merges } = asked;
    if (Object.values(setting).every((value) => value === undefined))
      throw invalidParameterValue("You must specify at least one of error handling or destination setting.");
    const { head, qualifier } = this.#target(owner, asked.reference, asked.qualifier);
    for (const arn of [setting.onSuccess, setting.onFailure]) checkDestination(head, arn);
    // AWS: buckets take failures only.
    if (setting.onSuccess?.split(":")[2] === "s3") throw invalidDestination(setting.onSuccess);
    const given = Object.fromEntries(Object.entries(setting).filter(([, value]) => value !== undefined));
    return this.#attachments.change<EventInvokeSetting>(KIND, head, qualifier, (current) => {
      if (merges && current === undefined) throw hasNone(head, qualifier);
      return merges ? { ...current, ...given } : given;
    });
  }

  get(owner: Owner, reference: string, asked: string | undefined): EventInvokeDocument {
    const { head, qualifier } = this.#existing(owner, reference, asked);
    const found = this.#attachments.find<EventInvokeSetting>(KIND, head, qualifier);
    if (found === undefined) throw hasNone(head, qualifier);
    return found;
  }

  async remove(owner: Owner, reference: string, asked: string | undefined): Promise<void> {
    const { functionName, qualifier } = this.get(owner, reference, asked);
    const { account, region } = owner;
    await this.#attachments.remove(KIND, { account, region, functionName }, qualifier);
  }

  list(owner: Owner, reference: string, page: PageRequest): Page<EventInvokeDocument> {
    const functionName = parseUnqualifiedReference(owner, reference);
    const head = this.#catalogue.find({ account: owner.account, region: owner.region, functionName })?.head;
    if (head === undefined) throw doesNotExist();
    const all = this.#attachments.list<EventInvokeSetting>(KIND, head);
    return pageOf(all, ({ qualifier }) => qualifier, page);
  }

  /** What applies to an invocation of the qualifier; undefined: AWS's defaults. */
  effective(
    owner: Owner,
    functionName: string,
    qualifier: string | undefined,
  ): EventInvokeSetting | undefined {
    const head = this.#catalogue.find({ account: owner.account, region: owner.region, functionName })?.head;
    if (head === undefined) return undefined;
    return this.#attachments.find<EventInvokeSetting>(KIND, head, qualifier ?? "$LATEST")?.value;
  }

  /** The function and an existing qualifier of it. AWS: whatever is missing, it is the function. */
  #target(owner: Owner, reference: string, asked: string | undefined): Target {
    const { functionName, qualifier } = parseFunctionReference(owner, reference, asked);
    const record = this.#catalogue.find({ account: owner.account, region: owner.region, functionName });
    const exists =
      qualifier === undefined ||
      qualifier === "$LATEST" ||
      record?.version(qualifier) !== undefined ||
      record?.alias(qualifier) !== undefined;
    if (record === undefined || !exists) throw doesNotExist();
    return { head: record.head, qualifier: qualifier ?? "$LATEST" };
  }

  /** AWS: reads and deletions say of a missing function, too, that it has no such configuration. */
  #existing(owner: Owner, reference: string, asked: string | undefined): Target {
    const { functionName, qualifier = "$LATEST" } = parseFunctionReference(owner, reference, asked);
    const { account, region } = owner;
    const head = this.#catalogue.find({ account, region, functionName })?.head;
    if (head === undefined) throw hasNone({ account, region, functionName }, qualifier);
    return { head, qualifier };
  }
}

function checkDestination(head: FunctionDocument, arn: string | undefined): void {
  if (arn === undefined || arn === "") return;
  // AWS: "standard queues" and "standard topics" only.
  if (!DESTINATION.test(arn) || arn.endsWith(".fifo")) throw invalidDestination(arn);
  const own = functionArn(head);
  if (arn === own || arn.startsWith(`${own}:`))
    throw invalidParameterValue("You can't specify the function as a destination for itself.");
}

const invalidDestination = (arn: string) => invalidParameterValue(`The destination ARN ${arn} is invalid.`);

const doesNotExist = () => resourceNotFound("The function doesn't exist.");

const hasNone = (name: Owner & { readonly functionName: string }, qualifier: string) =>
  resourceNotFound(`The function ${functionArn(name, qualifier)} doesn't have an EventInvokeConfig`);
