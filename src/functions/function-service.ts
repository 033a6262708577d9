import { randomUUID } from "node:crypto";
import type { FunctionConcurrency } from "../core/function-concurrency.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { Owner } from "../core/function-reference.ts";
import type { Clock } from "../ports/clock.ts";
import type { CodeStore } from "../ports/code-store.ts";
import type { Logger } from "../ports/logger.ts";
import type { RuntimeCatalogue } from "../ports/runtime-catalogue.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { Aliases } from "./aliases.ts";
import { CodeCollector } from "./code-collector.ts";
import { CodeSigning } from "./code-signing.ts";
import { ConcurrencySettings } from "./concurrency-settings.ts";
import type { Architecture, Deployment, FunctionName } from "./documents.ts";
import { EventInvokeSettings } from "./event-invoke-settings.ts";
import { FunctionAttachments } from "./function-attachments.ts";
import { FunctionCatalogue, type RetiredDeployment } from "./function-catalogue.ts";
import { FunctionDirectory } from "./function-directory.ts";
import { FunctionLifecycle } from "./function-lifecycle.ts";
import type { InvocationTarget } from "./function-record.ts";
import { FunctionRepository } from "./function-repository.ts";
import { FunctionTags } from "./function-tags.ts";
import { FunctionUrls } from "./function-urls.ts";
import { LayerDirectory } from "./layer-directory.ts";
import { LayerPermissions } from "./layer-permissions.ts";
import { Layers } from "./layers.ts";
import { RecursionSettings } from "./recursion-settings.ts";
import { ResourcePolicies } from "./resource-policies.ts";
import { RuntimeManagementSettings } from "./runtime-management.ts";
import { isUnderWay, Transitions } from "./transitions.ts";

export interface FunctionServiceDependencies {
  readonly keyValue: KeyValueStore;
  readonly codeStore: CodeStore;
  readonly runtimes: RuntimeCatalogue;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Uniform in [0, 1): chooses between the versions of an alias. */
  readonly random: () => number;
  readonly hostArchitecture: Architecture;
  /** Whether Lambda may assume the role; asked where roles must exist, that is where access is enforced. */
  readonly mayAssume?: (roleArn: string) => boolean;
  /** AWS's account concurrency, 1,000 when left out. */
  readonly accountConcurrency?: number;
  /** Makes ids; version 4 UUIDs when left out. */
  readonly newId?: () => string;
}

/** Everything about functions but running them. */
export interface FunctionService {
  readonly lifecycle: FunctionLifecycle;
  readonly directory: FunctionDirectory;
  readonly aliases: Aliases;
  readonly tags: FunctionTags;
  readonly concurrency: ConcurrencySettings;
  readonly eventInvoke: EventInvokeSettings;
  readonly urls: FunctionUrls;
  readonly recursion: RecursionSettings;
  readonly codeSigning: CodeSigning;
  readonly policies: ResourcePolicies;
  readonly layers: Layers;
  readonly layerPermissions: LayerPermissions;
  readonly runtimeManagement: RuntimeManagementSettings;
  /** See `FunctionCatalogue.resolveForInvoke`: the synchronous first step of every invocation. */
  resolveForInvoke(reference: string, qualifier: string | undefined, owner: Owner): InvocationTarget;
  /** Tells a function apart from a later one of the same name; undefined when there is none. */
  functionId(name: FunctionName): string | undefined;
  /** Environments of this deployment get no more invocations; the returned function ends the subscription. */
  onDeploymentRetired(listener: (deployment: RetiredDeployment) => void): () => void;
  /** See `FunctionCatalogue.onFunctionRemoved`. */
  onFunctionRemoved(listener: (name: FunctionName) => void): () => void;
  /** See `FunctionCatalogue.onDeployed`. */
  onDeployed(listener: (deployment: Deployment) => void): () => void;
  /** See `FunctionCatalogue.onConcurrencyChanged`. */
  onConcurrencyChanged(listener: (concurrency: FunctionConcurrency) => void): () => void;
  /** Resolves when no creation or update is under way here. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Reads all functions, removes what crashes left behind and goes on with creations and updates they interrupted. */
export async function createFunctionService(
  dependencies: FunctionServiceDependencies,
): Promise<FunctionService> {
  const { keyValue, codeStore, runtimes, clock, logger, random, hostArchitecture } = dependencies;
  const newId = dependencies.newId ?? randomUUID;
  const catalogue = await FunctionCatalogue.open(keyValue, random);
  const repository = new FunctionRepository(keyValue);
  await collectLeftovers(catalogue, repository);
  const attachments = await FunctionAttachments.open(keyValue, catalogue, clock);
  const codeSigning = await CodeSigning.open({ keyValue, catalogue, attachments, clock, newId });
  const layerDirectory = await LayerDirectory.open(keyValue);
  const collector = new CodeCollector({ catalogue, layers: layerDirectory, codeStore, clock, logger });
  await collector.collectAtStart();
  const layers = new Layers({ keyValue, directory: layerDirectory, codeStore, collector, clock });
  const transitions = new Transitions({ repository, codeStore, clock, logger, newId });
  for (const { head } of catalogue.records()) {
    if (head !== undefined && isUnderWay(head)) transitions.begin(head);
  }
  return {
    lifecycle: new FunctionLifecycle({
      catalogue,
      repository,
      codeStore,
      runtimes,
      clock,
      collector,
      transitions,
      hostArchitecture,
      newId,
      codeSigning,
      mayAssume: dependencies.mayAssume ?? (() => true),
      layers: layerDirectory,
    }),
    directory: new FunctionDirectory(catalogue),
    aliases: new Aliases(catalogue, repository, newId),
    tags: new FunctionTags(catalogue, repository),
    concurrency: new ConcurrencySettings({
      catalogue,
      repository,
      clock,
      accountConcurrency: dependencies.accountConcurrency ?? FUNCTION_LIMITS.concurrentExecutionsDefault,
    }),
    eventInvoke: new EventInvokeSettings(catalogue, attachments),
    urls: new FunctionUrls(catalogue, attachments, newId),
    recursion: new RecursionSettings(catalogue, attachments),
    codeSigning,
    layers,
    layerPermissions: new LayerPermissions(layers, newId),
    policies: new ResourcePolicies({ catalogue, repository, attachments, newId }),
    runtimeManagement: new RuntimeManagementSettings({ catalogue, repository, runtimes }),
    resolveForInvoke: catalogue.resolveForInvoke.bind(catalogue),
    functionId: (name) => catalogue.find(name)?.head.functionId,
    onDeploymentRetired: catalogue.onDeploymentRetired.bind(catalogue),
    onFunctionRemoved: catalogue.onFunctionRemoved.bind(catalogue),
    onDeployed: catalogue.onDeployed.bind(catalogue),
    onConcurrencyChanged: catalogue.onConcurrencyChanged.bind(catalogue),
    idle: () => transitions.idle(),
    async close() {
      await transitions.close();
      collector.close();
      await codeSigning.close();
      await layerDirectory.close();
      await attachments.close();
      await catalogue.close();
    },
  };
}

/** What belongs to functions that are gone: a deletion was interrupted. */
async function collectLeftovers(catalogue: FunctionCatalogue, repository: FunctionRepository): Promise<void> {
  for (const { name, head, versions, aliases, storedConcurrency } of catalogue.records()) {
    const members: { readonly functionId: string }[] = [
      ...[...versions.values()].map(({ document }) => document),
      ...aliases.values(),
    ];
    if (storedConcurrency !== undefined) members.push(storedConcurrency);
    if (members.every(({ functionId }) => functionId === head?.functionId)) continue;
    await repository.deleteMembers(name, (document) => document.functionId !== head?.functionId);
  }
}
