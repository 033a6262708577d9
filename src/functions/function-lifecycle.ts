import { AwsError, invalidParameterValue, notSupported, resourceConflict } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import {
  type Caller,
  isAliasName,
  type Owner,
  parseFunctionReference,
  parseUnqualifiedReference,
} from "../core/function-reference.ts";
import { CREATING, checkChangeable, UPDATING } from "../core/function-states.ts";
import { checkTags } from "../core/resource-tags.ts";
import { checkRevision } from "../core/revision-id.ts";
import type { Clock } from "../ports/clock.ts";
import type { CodeStore, StoredCode } from "../ports/code-store.ts";
import type { RuntimeCatalogue } from "../ports/runtime-catalogue.ts";
import type { CodeCollector } from "./code-collector.ts";
import type { CodeSigning } from "./code-signing.ts";
import { removeProvisioned } from "./concurrency-plan.ts";
import type { Architecture, FunctionDocument, FunctionName, FunctionSettings } from "./documents.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import { describeLatest, describeVersion, type FunctionDescription } from "./function-description.ts";
import { checkUnzippedSize } from "./function-layers.ts";
import type { FunctionChange, FunctionRepository } from "./function-repository.ts";
import { changedSettings, newSettings, type SettingsInput } from "./function-settings.ts";
import type { LayerDirectory } from "./layer-directory.ts";
import { fingerprintOf, withNextVersion } from "./publication.ts";
import { newestRuntime } from "./runtime-pin.ts";
import type { Transitions } from "./transitions.ts";

export interface CreateFunctionRequest {
  /** Name or ARN. */
  readonly functionReference: string;
  readonly zip: Uint8Array;
  readonly settings: SettingsInput;
  readonly architecture: Architecture | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly publish: boolean;
  readonly codeSigningConfigArn?: string | undefined;
}

export interface UpdateCodeRequest {
  readonly functionReference: string;
  readonly zip: Uint8Array;
  readonly architecture: Architecture | undefined;
  readonly publish: boolean;
  readonly dryRun: boolean;
  readonly revisionId: string | undefined;
}

export interface UpdateConfigurationRequest {
  readonly functionReference: string;
  readonly settings: SettingsInput;
  readonly revisionId: string | undefined;
}

export interface PublishVersionRequest {
  readonly functionReference: string;
  readonly codeSha256: string | undefined;
  readonly description: string | undefined;
  readonly revisionId: string | undefined;
}

export interface LifecycleDependencies {
  readonly catalogue: FunctionCatalogue;
  readonly repository: FunctionRepository;
  readonly codeStore: CodeStore;
  readonly runtimes: RuntimeCatalogue;
  readonly clock: Clock;
  readonly collector: CodeCollector;
  readonly transitions: Transitions;
  readonly hostArchitecture: Architecture;
  readonly newId: () => string;
  readonly codeSigning: CodeSigning;
  readonly mayAssume: (roleArn: string) => boolean;
  readonly layers: LayerDirectory;
}

/** Creates, changes, publishes and deletes functions, with AWS's states, conflicts and revision ids. */
export class FunctionLifecycle {
  readonly #dependencies: LifecycleDependencies;

  constructor(dependencies: LifecycleDependencies) {
    this.#dependencies = dependencies;
  }

  /** Answers the function in state Pending; it turns Active shortly after. */
  async create(owner: Caller, request: CreateFunctionRequest): Promise<FunctionDescription> {
    const { catalogue, collector, transitions, codeSigning } = this.#dependencies;
    const name = nameOf(owner, parseUnqualifiedReference(owner, request.functionReference));
    if (catalogue.find(name) !== undefined) throw alreadyExists(name);
    const created = await collector.during(() => this.#create(owner, name, request));
    if (request.codeSigningConfigArn !== undefined)
      await codeSigning.bind(owner, name.functionName, request.codeSigningConfigArn);
    transitions.begin(created.document);
    // AWS: answers with the version's number, but the unqualified ARN (recorded from the service).
    if (created.version === undefined) return describeLatest(created.document);
    const description = describeVersion(created.document, created.version);
    return { ...description, functionArn: describeLatest(created.document).functionArn };
  }

  /** To be called while nothing is collected: packages of layers are referred to from the look-up on. */
  async #create(owner: Caller, name: FunctionName, request: CreateFunctionRequest): Promise<FunctionChange> {
    const { repository, runtimes, clock, newId, codeSigning, hostArchitecture } = this.#dependencies;
    const settings = newSettings({ ...owner, ...name }, request.settings, this.#dependencies);
    const architecture = this.#checkArchitecture(request.architecture) ?? hostArchitecture;
    codeSigning.checkDeployment(owner, request.codeSigningConfigArn);
    const tags = request.tags ?? {};
    checkTags(tags);
    const code = await this.#store(name, request.zip);
    this.#checkSize(code, settings);
    const head: FunctionDocument = {
      schema: 1,
      ...name,
      functionId: newId(),
      nextVersion: 1,
      tags,
      latest: { deploymentId: newId(), settings, code, architecture, ...newestRuntime(settings, runtimes) },
      state: CREATING,
      revisionId: newId(),
      lastModifiedMs: clock.nowMs(),
    };
    if (!(await repository.createFunction(head))) throw this.#unused(code, alreadyExists(name));
    return request.publish ? this.#publishNew(head) : { document: head };
  }

  /** Begins an update: the old code serves until it is through. With `dryRun` only says what would be. */
  async updateCode(owner: Owner, request: UpdateCodeRequest): Promise<FunctionDescription> {
    const { catalogue, collector } = this.#dependencies;
    const name = nameOf(owner, parseUnqualifiedReference(owner, request.functionReference));
    const current = catalogue.get(name, name.functionName).head;
    this.#checkArchitecture(request.architecture);
    const { codeSigning } = this.#dependencies;
    codeSigning.checkDeployment(owner, codeSigning.bound(owner, name.functionName).arn);
    checkRevision(current.revisionId, request.revisionId);
    checkChangeable(current);
    return collector.during(async () => {
      const code = await this.#store(name, request.zip);
      const architecture = request.architecture ?? current.latest.architecture;
      if (request.dryRun) {
        collector.consider(code.codeHash);
        return describeLatest({ ...current, latest: { ...current.latest, code, architecture } });
      }
      try {
        const changed = await this.#update(name, request, (document) => ({
          ...document.latest,
          code,
          architecture,
        }));
        if (changed.version === undefined) return describeLatest(changed.document);
        return describeVersion(changed.document, changed.version);
      } catch (error) {
        throw this.#unused(code, error);
      }
    });
  }

  /** Begins an update: the old configuration serves until it is through. */
  async updateConfiguration(
    owner: Caller,
    request: UpdateConfigurationRequest,
  ): Promise<FunctionDescription> {
    const name = nameOf(owner, parseUnqualifiedReference(owner, request.functionReference));
    // Packages of layers that are looked up must still be there when the function refers to them.
    const changed = await this.#dependencies.collector.during(() =>
      this.#update(name, { ...request, publish: false }, ({ latest }) => ({
        ...latest,
        settings: changedSettings(owner, latest.settings, request.settings, this.#dependencies),
      })),
    );
    return describeLatest(changed.document);
  }

  /** Publishes $LATEST; answers the version there is when nothing changed since. */
  async publishVersion(owner: Owner, request: PublishVersionRequest): Promise<FunctionDescription> {
    const { catalogue, repository, clock, newId } = this.#dependencies;
    const name = nameOf(owner, parseUnqualifiedReference(owner, request.functionReference));
    let unchanged: FunctionDescription | undefined;
    const change = await repository.changeFunction(name, (document) => {
      checkRevision(document.revisionId, request.revisionId);
      checkChangeable(document);
      checkCodeSha256(document, request.codeSha256);
      const { lastPublished } = document;
      if (lastPublished?.fingerprint === fingerprintOf(document.latest)) {
        const record = catalogue.find(name);
        const published = record?.version(lastPublished.version);
        if (record !== undefined && published !== undefined) {
          unchanged = describeVersion(record.head, published.document);
          return undefined;
        }
      }
      const { description } = request;
      return withNextVersion(document, { description, pending: false, nowMs: clock.nowMs(), newId });
    });
    if (change !== undefined) return describeVersion(change.document, change.version);
    if (unchanged === undefined) throw new Error("a publication neither happened nor was unnecessary");
    return unchanged;
  }

  /** Deletes a function with its versions and aliases, or one version. */
  async delete(owner: Owner, functionReference: string, qualifier: string | undefined): Promise<void> {
    const { catalogue, repository } = this.#dependencies;
    const parsed = parseFunctionReference(owner, functionReference, qualifier);
    const name = nameOf(owner, parsed.functionName);
    if (parsed.qualifier !== undefined && isAliasName(parsed.qualifier)) {
      throw invalidParameterValue("Deletion of aliases is not currently supported.");
    }
    if (parsed.qualifier?.startsWith("$")) {
      throw invalidParameterValue("$LATEST version cannot be deleted without deleting the function.");
    }
    const record = catalogue.get(owner, name.functionName, parsed.qualifier);
    if (parsed.qualifier === undefined) return repository.deleteFunction(name);
    const version = parsed.qualifier;
    const referring = record
      .visibleAliases()
      .filter((alias) => alias.functionVersion === version || alias.routing?.version === version)
      .map(({ aliasName }) => aliasName);
    if (referring.length > 0) {
      throw resourceConflict(
        `Unable to delete version because the following aliases reference it: [${referring.join(", ")}]`,
      );
    }
    // AWS: deleting a version that does not exist succeeds.
    if (record.version(version) === undefined) return;
    await removeProvisioned(repository, record, version);
    await repository.deleteVersion(name, version);
  }

  /** A new deployment becomes $LATEST; what serves now goes on serving until the transition is through. */
  async #update(
    name: FunctionName,
    request: { readonly revisionId: string | undefined; readonly publish: boolean },
    next: (current: FunctionDocument) => FunctionDocument["latest"],
  ): Promise<FunctionChange> {
    const { repository, runtimes, transitions, clock, newId } = this.#dependencies;
    const changed = await repository.changeFunction<FunctionChange>(name, (current) => {
      checkRevision(current.revisionId, request.revisionId);
      checkChangeable(current);
      const latest = next(current);
      checkUnzippedSize(latest.code, latest.settings.layers);
      const document: FunctionDocument = {
        ...current,
        latest: { ...latest, ...newestRuntime(latest.settings, runtimes), deploymentId: newId() },
        ...(current.state.state === "Active" && { serving: current.serving ?? current.latest }),
        lastUpdate: UPDATING,
        revisionId: newId(),
        lastModifiedMs: clock.nowMs(),
      };
      return request.publish
        ? withNextVersion(document, { pending: true, nowMs: clock.nowMs(), newId })
        : { document };
    });
    if (changed === undefined) throw new Error("an update was decided to be none");
    transitions.begin(changed.document);
    return changed;
  }

  async #publishNew(head: FunctionDocument): Promise<FunctionChange> {
    const { repository, clock, newId } = this.#dependencies;
    const published = await repository.changeFunction(head, (document) =>
      withNextVersion(document, { pending: true, nowMs: clock.nowMs(), newId }),
    );
    return published ?? { document: head };
  }

  /** Stores a package within the account's quota. */
  async #store(name: FunctionName, zip: Uint8Array): Promise<StoredCode> {
    const { catalogue, codeStore } = this.#dependencies;
    if (zip.byteLength > FUNCTION_LIMITS.zippedBytesMax) {
      throw new AwsError(
        "RequestEntityTooLargeException",
        `Zipped size must be smaller than ${FUNCTION_LIMITS.zippedBytesMax} bytes`,
        413,
      );
    }
    if (catalogue.codeStorageBytes(name) + zip.byteLength > FUNCTION_LIMITS.codeStorageBytesMax) {
      throw new AwsError("CodeStorageExceededException", "Code storage limit exceeded.", 400);
    }
    return codeStore.add(zip);
  }

  #checkSize(code: StoredCode, settings: FunctionSettings): void {
    try {
      checkUnzippedSize(code, settings.layers);
    } catch (error) {
      throw this.#unused(code, error);
    }
  }

  /** Has a package that was stored in vain removed; answers the error that made it so. */
  #unused(code: StoredCode, reason: unknown): unknown {
    this.#dependencies.collector.consider(code.codeHash);
    return reason;
  }

  #checkArchitecture(architecture: Architecture | undefined): Architecture | undefined {
    const { hostArchitecture } = this.#dependencies;
    if (architecture !== undefined && architecture !== hostArchitecture) {
      throw notSupported(`Architecture ${architecture} on this ${hostArchitecture} machine`);
    }
    return architecture;
  }
}

const nameOf = ({ account, region }: Owner, functionName: string): FunctionName => ({
  account,
  region,
  functionName,
});

const alreadyExists = ({ functionName }: FunctionName): AwsError =>
  resourceConflict(`Function already exist: ${functionName}`);

function checkCodeSha256({ latest }: FunctionDocument, given: string | undefined): void {
  if (given === undefined || given === "" || given === latest.code.codeSha256) return;
  throw invalidParameterValue(
    `CodeSHA256 (${given}) is different from current CodeSHA256 in $LATEST (${latest.code.codeSha256}). ` +
      "Please try again with the CodeSHA256 in $LATEST.",
  );
}
