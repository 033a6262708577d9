import { functionArn } from "../core/arn.ts";
import { AwsError, invalidParameterValue, resourceConflict, resourceNotFound } from "../core/errors.ts";
import { functionNotFound, type Owner, parseFunctionReference } from "../core/function-reference.ts";
import { type PolicyDocument, parsePolicyDocument } from "../core/policy-document.ts";
import { evaluatePolicies } from "../core/policy-evaluation.ts";
import type { AttachmentDocument, FunctionName } from "./documents.ts";
import type { FunctionAttachments } from "./function-attachments.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { FunctionRecord } from "./function-record.ts";
import type { FunctionRepository } from "./function-repository.ts";
import { type PermissionRequest, permissionStatement, type StoredStatement } from "./permission-statement.ts";

/** A policy as it is stored: its statements in the JSON form in which they are shown. */
interface StoredPolicy {
  readonly statements: readonly StoredStatement[];
  /** Of policies of published versions; elsewhere the function's or alias's own id counts. */
  readonly revisionId: string;
}

export interface ResourcePolicyText {
  /** JSON. */
  readonly policy: string;
  readonly revisionId: string;
}

/** A service that wants to invoke a function because of an event at a source. */
export interface ServiceInvocation {
  /** "s3.amazonaws.com" */
  readonly servicePrincipal: string;
  readonly functionArn: string;
  readonly sourceArn: string;
  readonly sourceAccount: string;
}

const KIND = "policy";
/** AWS: "The maximum size of a function's resource-based policy". */
const POLICY_BYTES_MAX = 20_480;

interface Target {
  readonly name: FunctionName;
  readonly record: FunctionRecord & { readonly head: NonNullable<FunctionRecord["head"]> };
  /** "$LATEST" for the function itself. */
  readonly qualifier: string;
  /** Of the resource that the policy stands on. */
  readonly arn: string;
}

interface Dependencies {
  readonly catalogue: FunctionCatalogue;
  readonly repository: FunctionRepository;
  readonly attachments: FunctionAttachments;
  readonly newId: () => string;
}

/** Resource-based policies of functions, versions and aliases. */
export class ResourcePolicies {
  readonly #dependencies: Dependencies;
  readonly #parsed = new WeakMap<StoredPolicy, PolicyDocument>();

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** AddPermission; answers the statement as JSON. */
  async addPermission(owner: Owner, request: PermissionRequest): Promise<string> {
    if (request.qualifier === "$LATEST")
      throw invalidParameterValue("We currently do not support adding policies for $LATEST.");
    const target = this.#target(owner, request.reference, request.qualifier);
    const statement = permissionStatement(request, target.arn);
    this.#checkRevision(target, request.revisionId);
    await this.#change(target, (statements) => {
      if (statements.some(({ Sid }) => Sid === statement.Sid))
        throw resourceConflict(
          `The statement id (${statement.Sid}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
        );
      return [...statements, statement];
    });
    return JSON.stringify(statement);
  }

  /** RemovePermission. */
  async removePermission(
    owner: Owner,
    asked: {
      readonly reference: string;
      readonly qualifier: string | undefined;
      readonly statementId: string;
      readonly revisionId: string | undefined;
    },
  ): Promise<void> {
    const target = this.#target(owner, asked.reference, asked.qualifier);
    if (this.#find(target) === undefined)
      throw resourceNotFound("No policy is associated with the given resource.");
    this.#checkRevision(target, asked.revisionId);
    await this.#change(target, (statements) => {
      const rest = statements.filter(({ Sid }) => Sid !== asked.statementId);
      if (rest.length === statements.length)
        throw resourceNotFound(`Statement ${asked.statementId} is not found in resource policy.`);
      return rest;
    });
  }

  /** GetPolicy. */
  get(owner: Owner, reference: string, qualifier: string | undefined): ResourcePolicyText {
    const target = this.#target(owner, reference, qualifier);
    const stored = this.#find(target);
    if (stored === undefined) throw resourceNotFound("The resource you requested does not exist.");
    return { policy: policyText(stored), revisionId: this.#revisionOf(target) };
  }

  /** PutResourcePolicy: replaces every statement. */
  async put(owner: Owner, arn: string, policy: string, revisionId?: string): Promise<ResourcePolicyText> {
    const target = this.#target(owner, arn, undefined);
    const statements = readStatements(policy, target.arn);
    this.#checkRevision(target, revisionId);
    await this.#change(target, () => statements);
    return this.get(owner, arn, undefined);
  }

  /** DeleteResourcePolicy. */
  async remove(owner: Owner, arn: string, revisionId: string | undefined): Promise<void> {
    const target = this.#target(owner, arn, undefined);
    if (this.#find(target) === undefined)
      throw resourceNotFound("The resource you requested does not exist.");
    this.#checkRevision(target, revisionId);
    await this.#change(target, () => []);
  }

  /** The policy of a function, version or alias by its ARN, to be evaluated; undefined when it has none. */
  documentOf(arn: string): PolicyDocument | undefined {
    const [, region, account, functionName, qualifier] =
      /^arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):function:([\w-]+)(?::([\w$-]+))?$/.exec(arn) ?? [];
    if (region === undefined || account === undefined || functionName === undefined) return undefined;
    const head = this.#dependencies.catalogue.find({ account, region, functionName })?.head;
    if (head === undefined) return undefined;
    const stored = this.#dependencies.attachments.find<StoredPolicy>(
      KIND,
      head,
      qualifier ?? "$LATEST",
    )?.value;
    return stored && this.#parse(stored);
  }

  /** Whether the function's policy lets the service invoke it for this source. */
  allows(invocation: ServiceInvocation): boolean {
    const document = this.documentOf(invocation.functionArn);
    if (document === undefined) return false;
    const verdict = evaluatePolicies([document], {
      action: "lambda:InvokeFunction",
      resources: [invocation.functionArn],
      principals: { Service: [invocation.servicePrincipal] },
      context: new Map([
        ["aws:sourcearn", [invocation.sourceArn]],
        ["aws:sourceaccount", [invocation.sourceAccount]],
      ]),
    });
    return verdict === "allowed";
  }

  #target(owner: Owner, reference: string, asked: string | undefined): Target {
    const { functionName, qualifier } = parseFunctionReference(owner, reference, asked);
    const name = { account: owner.account, region: owner.region, functionName };
    const record = this.#dependencies.catalogue.get(owner, functionName, qualifier);
    const isLatest = qualifier === undefined || qualifier === "$LATEST";
    if (!isLatest && record.version(qualifier) === undefined && record.alias(qualifier) === undefined)
      throw functionNotFound(name, functionName, qualifier);
    return { name, record, qualifier: qualifier ?? "$LATEST", arn: functionArn(name, qualifier) };
  }

  #find({ record, qualifier }: Target): StoredPolicy | undefined {
    return this.#dependencies.attachments.find<StoredPolicy>(KIND, record.head, qualifier)?.value;
  }

  #revisionOf(target: Target): string {
    const { record, qualifier } = target;
    if (qualifier === "$LATEST") return record.head.revisionId;
    return record.alias(qualifier)?.revisionId ?? this.#find(target)?.revisionId ?? "";
  }

  #checkRevision(target: Target, revisionId: string | undefined): void {
    if (revisionId === undefined || revisionId === "" || revisionId === this.#revisionOf(target)) return;
    throw new AwsError(
      "PreconditionFailedException",
      "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id",
      412,
    );
  }

  /** A policy without statements is none. */
  async #change(
    target: Target,
    decide: (statements: readonly StoredStatement[]) => readonly StoredStatement[],
  ): Promise<void> {
    const { attachments, newId } = this.#dependencies;
    const { name, record, qualifier } = target;
    const revisionId = newId();
    const changed: AttachmentDocument<StoredPolicy> = await attachments.change<StoredPolicy>(
      KIND,
      record.head,
      qualifier,
      (current) => {
        const next = { statements: decide(current?.statements ?? []), revisionId };
        checkSize(next);
        return next;
      },
    );
    if (changed.value.statements.length === 0) await attachments.remove(KIND, name, qualifier);
    await this.#renewRevision(target, revisionId);
  }

  /** AWS: a change of its policy gives the function or alias a new revision id (recorded from the service). */
  async #renewRevision({ name, qualifier, record }: Target, revisionId: string): Promise<void> {
    const { repository } = this.#dependencies;
    if (qualifier === "$LATEST")
      await repository.changeFunction(name, (document) => ({ document: { ...document, revisionId } }));
    else if (record.alias(qualifier) !== undefined)
      await repository.changeAlias(name, qualifier, (alias) => ({ ...alias, revisionId }));
  }

  /** Statements were checked when they came in; a policy that cannot be read any more allows nothing. */
  #parse(stored: StoredPolicy): PolicyDocument {
    let document = this.#parsed.get(stored);
    if (document === undefined) {
      const parsed = parsePolicyDocument(policyText(stored), "resource");
      document = "problem" in parsed ? { version: "2012-10-17", statements: [] } : parsed;
      this.#parsed.set(stored, document);
    }
    return document;
  }
}

const policyText = ({ statements }: StoredPolicy): string =>
  JSON.stringify({ Version: "2012-10-17", Id: "default", Statement: statements });

function checkSize(policy: StoredPolicy): void {
  const bytes = Buffer.byteLength(policyText(policy));
  if (bytes > POLICY_BYTES_MAX)
    throw new AwsError(
      "PolicyLengthExceededException",
      `The final policy size (${bytes}) is bigger than the limit (${POLICY_BYTES_MAX}).`,
      400,
    );
}

/** The statements of a whole policy, which may speak of nothing but the resource that it stands on. */
function readStatements(policy: string, arn: string): StoredStatement[] {
  const parsed = parsePolicyDocument(policy, "resource");
  if ("problem" in parsed) throw invalidParameterValue(parsed.problem);
  const { Statement: given } = JSON.parse(policy) as { Statement: StoredStatement | StoredStatement[] };
  for (const { actions, notActions, resources, notResources } of parsed.statements) {
    const isForeign = (actions ?? notActions ?? []).some(
      (action) => action !== "*" && !action.toLowerCase().startsWith("lambda:"),
    );
    if (isForeign) throw invalidParameterValue("The policy has an action that is not Lambda's.");
    if (notResources !== undefined || resources?.length !== 1 || resources[0] !== arn)
      throw invalidParameterValue(`The resource of each statement must be ${arn}.`);
  }
  return [given].flat();
}
