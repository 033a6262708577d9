import { AwsError, invalidParameterValue, resourceConflict } from "../core/errors.ts";
import { type Owner, parseUnqualifiedReference } from "../core/function-reference.ts";
import { checkTags } from "../core/resource-tags.ts";
import type { Clock } from "../ports/clock.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import type { FunctionAttachments } from "./function-attachments.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { Page, PageRequest } from "./function-directory.ts";
import { pageOf } from "./page-of.ts";

export type UntrustedArtifactPolicy = "Warn" | "Enforce";

/** A code signing configuration as it is stored. */
export interface CodeSigningConfigDocument extends Owner {
  readonly schema: 1;
  /** csc- and seventeen letters and digits. */
  readonly id: string;
  readonly description: string;
  readonly signingProfileVersionArns: readonly string[];
  readonly untrustedArtifactOnDeployment: UntrustedArtifactPolicy;
  readonly tags: Readonly<Record<string, string>>;
  readonly lastModifiedMs: number;
}

export interface CodeSigningConfigChange {
  readonly description?: string | undefined;
  readonly signingProfileVersionArns?: readonly string[] | undefined;
  readonly untrustedArtifactOnDeployment?: UntrustedArtifactPolicy | undefined;
}

const PREFIX = "code-signing-config/";
const KIND = "code-signing";
const ID_LENGTH = 17;
const ATTEMPTS_MAX = 20;
const ARN = /^arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):code-signing-config:(csc-[a-z0-9]{17})$/;

export const codeSigningConfigArn = ({ account, region, id }: Owner & { readonly id: string }): string =>
  `arn:aws:lambda:${region}:${account}:code-signing-config:${id}`;

interface Dependencies {
  readonly keyValue: KeyValueStore;
  readonly catalogue: FunctionCatalogue;
  readonly attachments: FunctionAttachments;
  readonly clock: Clock;
  /** Makes version 4 UUIDs. */
  readonly newId: () => string;
}

/**
 * Code signing configurations and the functions they are bound to. Lambent cannot verify AWS Signer's signatures, so
 * no package counts as signed: `Enforce` refuses every deployment, `Warn` none.
 */
export class CodeSigning {
  readonly #dependencies: Dependencies;
  readonly #configs = new Map<string, CodeSigningConfigDocument>();
  #watch: { close(): Promise<void> } | undefined;

  private constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  static async open(dependencies: Dependencies): Promise<CodeSigning> {
    const signing = new CodeSigning(dependencies);
    const synced = Promise.withResolvers<void>();
    signing.#watch = await dependencies.keyValue.watch(PREFIX, (change) => {
      if (change.type === "synced") synced.resolve();
      else if (change.type === "delete") signing.#configs.delete(change.key);
      else signing.#configs.set(change.entry.key, decode(change.entry.value));
    });
    await synced.promise;
    return signing;
  }

  close(): Promise<void> {
    return this.#watch?.close() ?? Promise.resolve();
  }

  async create(
    { account, region }: Owner,
    asked: CodeSigningConfigChange & { readonly tags: Readonly<Record<string, string>> },
  ): Promise<CodeSigningConfigDocument> {
    checkTags(asked.tags);
    const { keyValue, clock, newId } = this.#dependencies;
    const document: CodeSigningConfigDocument = {
      schema: 1,
      account,
      region,
      id: `csc-${newId().replaceAll("-", "").slice(-ID_LENGTH)}`,
      description: asked.description ?? "",
      signingProfileVersionArns: asked.signingProfileVersionArns ?? [],
      untrustedArtifactOnDeployment: asked.untrustedArtifactOnDeployment ?? "Warn",
      tags: asked.tags,
      lastModifiedMs: clock.nowMs(),
    };
    await keyValue.create(keyOf(document), encode(document));
    return document;
  }

  get(owner: Owner, arn: string): CodeSigningConfigDocument {
    const [, region, account, id = ""] = ARN.exec(arn) ?? [];
    const isOwn = region === owner.region && account === owner.account;
    const found = isOwn
      ? this.#configs.get(keyOf({ account: owner.account, region: owner.region, id }))
      : undefined;
    if (found === undefined) throw notFound(arn);
    return found;
  }

  async update(
    owner: Owner,
    arn: string,
    change: CodeSigningConfigChange,
  ): Promise<CodeSigningConfigDocument> {
    const { clock } = this.#dependencies;
    return this.#change(owner, arn, (current) => ({
      ...current,
      description: change.description ?? current.description,
      signingProfileVersionArns: change.signingProfileVersionArns ?? current.signingProfileVersionArns,
      untrustedArtifactOnDeployment:
        change.untrustedArtifactOnDeployment ?? current.untrustedArtifactOnDeployment,
      lastModifiedMs: clock.nowMs(),
    }));
  }

  async changeTags(
    owner: Owner,
    arn: string,
    next: (tags: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
  ): Promise<void> {
    await this.#change(owner, arn, (current) => {
      const tags = next(current.tags);
      checkTags(tags);
      return { ...current, tags };
    });
  }

  async remove(owner: Owner, arn: string): Promise<void> {
    const config = this.get(owner, arn);
    if (this.#functionsOf(arn).length > 0)
      throw resourceConflict(`Code signing configuration ${arn} is used by functions and cannot be deleted.`);
    await this.#dependencies.keyValue.delete(keyOf(config));
  }

  list(owner: Owner, page: PageRequest): Page<CodeSigningConfigDocument> {
    const prefix = `${PREFIX}${owner.account}/${owner.region}/`;
    const own = [...this.#configs].filter(([key]) => key.startsWith(prefix)).map(([, config]) => config);
    return pageOf(
      own.sort((a, b) => (a.id < b.id ? -1 : 1)),
      ({ id }) => id,
      page,
    );
  }

  /** Names of the functions bound to a configuration, sorted. */
  functions(owner: Owner, arn: string, page: PageRequest): Page<string> {
    this.get(owner, arn);
    return pageOf(this.#functionsOf(arn), (name) => name, page);
  }

  /** The configuration that a function is bound to. */
  bound(owner: Owner, reference: string): { functionName: string; arn: string | undefined } {
    const functionName = parseUnqualifiedReference(owner, reference);
    const { head } = this.#dependencies.catalogue.get(owner, functionName);
    return { functionName, arn: this.#dependencies.attachments.find<string>(KIND, head, "$LATEST")?.value };
  }

  async bind(owner: Owner, reference: string, arn: string): Promise<string> {
    this.get(owner, arn);
    const functionName = parseUnqualifiedReference(owner, reference);
    const { head } = this.#dependencies.catalogue.get(owner, functionName);
    await this.#dependencies.attachments.change<string>(KIND, head, "$LATEST", () => arn);
    return functionName;
  }

  /** Fine when the function is bound to none. */
  async unbind(owner: Owner, reference: string): Promise<void> {
    const functionName = parseUnqualifiedReference(owner, reference);
    const { head } = this.#dependencies.catalogue.get(owner, functionName);
    await this.#dependencies.attachments.remove(KIND, head, "$LATEST");
  }

  /** Refuses a package where a configuration that a function is, or is to be, bound to wants it signed. */
  checkDeployment(owner: Owner, arn: string | undefined): void {
    if (arn === undefined) return;
    if (this.get(owner, arn).untrustedArtifactOnDeployment === "Enforce")
      throw new AwsError(
        "CodeVerificationFailedException",
        "The code signature failed one or more of the validation checks for signature mismatch or expiration, and the code signing policy is set to ENFORCE. Lambda blocks the deployment.",
        400,
      );
  }

  #functionsOf(arn: string): string[] {
    const names: string[] = [];
    for (const { value, functionName } of this.#dependencies.attachments.all<string>(KIND))
      if (value === arn) names.push(functionName);
    return names.sort();
  }

  async #change(
    owner: Owner,
    arn: string,
    decide: (current: CodeSigningConfigDocument) => CodeSigningConfigDocument,
  ): Promise<CodeSigningConfigDocument> {
    const key = keyOf(this.get(owner, arn));
    const { keyValue } = this.#dependencies;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const entry = await keyValue.get(key);
      if (entry === undefined) throw notFound(arn);
      const changed = decide(decode(entry.value));
      try {
        await keyValue.update(key, encode(changed), entry.revision);
        return changed;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
      }
    }
    throw invalidParameterValue("The code signing configuration is being changed by many callers.");
  }
}

const keyOf = ({ account, region, id }: Owner & { readonly id: string }): string =>
  `${PREFIX}${account}/${region}/${id}`;

const encode = (document: CodeSigningConfigDocument): Uint8Array => Buffer.from(JSON.stringify(document));

function decode(value: Uint8Array): CodeSigningConfigDocument {
  const document = JSON.parse(Buffer.from(value).toString()) as CodeSigningConfigDocument;
  if (document.schema !== 1)
    throw new Error(
      `a code signing document has schema ${String(document.schema)}, this version reads schema 1`,
    );
  return document;
}

const notFound = (arn: string): AwsError =>
  new AwsError(
    "CodeSigningConfigNotFoundException",
    `The code signing configuration cannot be found. Check that the provided configuration is not deleted: ${arn}.`,
    404,
  );
