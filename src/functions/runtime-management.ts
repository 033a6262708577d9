import { functionArn } from "../core/arn.ts";
import { invalidParameterValue } from "../core/errors.ts";
import {
  functionNotFound,
  isAliasName,
  type Owner,
  parseFunctionReference,
} from "../core/function-reference.ts";
import type { FunctionVersion, RuntimePin } from "../core/function-version.ts";
import type { RuntimeCatalogue } from "../ports/runtime-catalogue.ts";
import type { Deployment, RuntimeManagement } from "./documents.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { FunctionRepository } from "./function-repository.ts";
import { runtimePin } from "./runtime-pin.ts";

/** How a function version goes on to newer versions of its runtime. */
export interface RuntimeManagementDescription {
  readonly functionArn: string;
  readonly updateRuntimeOn: "Auto" | "FunctionUpdate" | "Manual";
  /** With Manual only. */
  readonly versionHash: string | undefined;
}

interface Change {
  readonly functionReference: string;
  readonly qualifier: string | undefined;
  readonly updateRuntimeOn: "Auto" | "FunctionUpdate" | "Manual";
  readonly runtimeVersionArn: string | undefined;
}

/** Runtime management configurations ("Managing Lambda runtime version updates" in the developer guide). */
export class RuntimeManagementSettings {
  readonly #catalogue: FunctionCatalogue;
  readonly #repository: FunctionRepository;
  readonly #runtimes: RuntimeCatalogue;
  readonly #listeners = new Set<(version: FunctionVersion) => void>();

  constructor(dependencies: {
    readonly catalogue: FunctionCatalogue;
    readonly repository: FunctionRepository;
    readonly runtimes: RuntimeCatalogue;
  }) {
    this.#catalogue = dependencies.catalogue;
    this.#repository = dependencies.repository;
    this.#runtimes = dependencies.runtimes;
  }

  /** Tells of each function version whose setting was changed, as it is to be run from now on. */
  onChanged(listener: (version: FunctionVersion) => void): void {
    this.#listeners.add(listener);
  }

  /** GetRuntimeManagementConfig; throws AWS's 404. */
  get(owner: Owner, functionReference: string, qualifier: string | undefined): RuntimeManagementDescription {
    const { head, version, asked, deployment } = this.#find(owner, functionReference, qualifier);
    const management = head.runtimeManagement?.[version];
    const applies = management?.runtime === deployment.settings.runtime ? management : undefined;
    return describe(functionArn(head, asked), applies);
  }

  /** PutRuntimeManagementConfig. Refuses versions of a runtime that this machine does not have. */
  async put(owner: Owner, change: Change): Promise<RuntimeManagementDescription> {
    const { head, version, asked, deployment } = this.#find(
      owner,
      change.functionReference,
      change.qualifier,
    );
    const management = this.#decide(change, runtimePin(head, version, deployment), deployment);
    await this.#repository.changeFunction(head, (current) => {
      if (current.functionId !== head.functionId) throw functionNotFound(owner, head.functionName, asked);
      const { [version]: _replaced, ...others } = current.runtimeManagement ?? {};
      const runtimeManagement = management === undefined ? others : { ...others, [version]: management };
      return { document: { ...current, runtimeManagement } };
    });
    const record = this.#catalogue.find(head);
    const target = version === "$LATEST" ? record?.latest : record?.version(version)?.target;
    if (target !== undefined) for (const listener of this.#listeners) listener(target.version);
    return describe(functionArn(head, asked), management);
  }

  #decide(
    { updateRuntimeOn, runtimeVersionArn }: Change,
    pin: RuntimePin | undefined,
    deployment: Deployment,
  ): RuntimeManagement | undefined {
    const { runtime } = deployment.settings;
    const { deploymentId } = deployment;
    if (updateRuntimeOn !== "Manual" && runtimeVersionArn !== undefined) {
      throw invalidParameterValue(`RuntimeVersionArn can only be given when UpdateRuntimeOn is Manual.`);
    }
    if (updateRuntimeOn === "Auto") return undefined;
    if (updateRuntimeOn === "FunctionUpdate") {
      const versionHash = this.#runtimes.find(runtime, pin)?.versionHash ?? deployment.runtimeVersionHash;
      if (versionHash === undefined) throw invalidParameterValue(this.#runtimes.missingAdvice(runtime));
      return { updateRuntimeOn, runtime, versionHash, deploymentId };
    }
    if (!runtimeVersionArn) {
      throw invalidParameterValue("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.");
    }
    const versionHash = /::runtime:([0-9a-f]{64})$/.exec(runtimeVersionArn)?.[1] ?? "";
    if (this.#runtimes.find(runtime, { versionHash, required: true }) === undefined) {
      throw invalidParameterValue(
        `Runtime version ${runtimeVersionArn} is not a version of ${runtime} that this machine has.`,
      );
    }
    return { updateRuntimeOn, runtime, versionHash, deploymentId };
  }

  #find(owner: Owner, functionReference: string, askedQualifier: string | undefined) {
    const { functionName, qualifier } = parseFunctionReference(owner, functionReference, askedQualifier);
    const record = this.#catalogue.get(owner, functionName, qualifier);
    const { head } = record;
    if (qualifier === undefined || qualifier === "$LATEST") {
      return { head, version: "$LATEST", asked: qualifier, deployment: head.serving ?? head.latest };
    }
    if (isAliasName(qualifier) && record.alias(qualifier) !== undefined) {
      throw invalidParameterValue(
        `Runtime management is configured for $LATEST or a published version, and ${qualifier} is an alias.`,
      );
    }
    const published = record.version(qualifier);
    if (published === undefined) throw functionNotFound(owner, functionName, qualifier);
    return { head, version: qualifier, asked: qualifier, deployment: published.document.deployment };
  }
}

function describe(arn: string, management: RuntimeManagement | undefined): RuntimeManagementDescription {
  return {
    functionArn: arn,
    updateRuntimeOn: management?.updateRuntimeOn ?? "Auto",
    versionHash: management?.updateRuntimeOn === "Manual" ? management.versionHash : undefined,
  };
}
