import { functionArn } from "../core/arn.ts";
import type { FunctionState, FunctionVersion } from "../core/function-version.ts";
import type {
  AliasDocument,
  ConcurrencyDocument,
  Deployment,
  FunctionDocument,
  FunctionName,
  VersionDocument,
} from "./documents.ts";
import { runtimePin } from "./runtime-pin.ts";

/** What an invocation needs to know; made when documents change, so that invoking allocates nothing. */
export interface InvocationTarget {
  readonly version: FunctionVersion;
  /** As the caller named it: with the alias or version, when one was given. */
  readonly invokedFunctionArn: string;
  /** "$LATEST" or a number. */
  readonly executedVersion: string;
}

export interface PublishedVersion {
  readonly document: VersionDocument;
  readonly target: InvocationTarget;
}

/** Everything in memory about one function name. Its documents arrive in any order. */
export class FunctionRecord {
  readonly name: FunctionName;
  readonly versions = new Map<string, PublishedVersion>();
  readonly aliases = new Map<string, AliasDocument>();
  /** As stored; may belong to an earlier function of this name. */
  storedConcurrency: ConcurrencyDocument | undefined;
  #head: FunctionDocument | undefined;
  #unqualified: InvocationTarget | undefined;
  #latest: InvocationTarget | undefined;

  constructor(name: FunctionName) {
    this.name = name;
  }

  get head(): FunctionDocument | undefined {
    return this.#head;
  }

  set head(head: FunctionDocument | undefined) {
    this.#head = head;
    if (head === undefined) {
      this.#unqualified = undefined;
      this.#latest = undefined;
      return;
    }
    const serving = head.serving ?? head.latest;
    for (const { document } of this.versions.values()) this.putVersion(document);
    const version = {
      ...runnableVersion(head, "$LATEST", serving, head.state.state),
      ...pinned(head, "$LATEST", serving),
    };
    this.#unqualified = { version, invokedFunctionArn: functionArn(head), executedVersion: "$LATEST" };
    this.#latest = { ...this.#unqualified, invokedFunctionArn: functionArn(head, "$LATEST") };
  }

  /** $LATEST, invoked without a qualifier. */
  get unqualified(): InvocationTarget | undefined {
    return this.#unqualified;
  }

  /** $LATEST, invoked as "$LATEST". */
  get latest(): InvocationTarget | undefined {
    return this.#latest;
  }

  get empty(): boolean {
    return (
      this.#head === undefined &&
      this.versions.size === 0 &&
      this.aliases.size === 0 &&
      this.storedConcurrency === undefined
    );
  }

  putVersion(document: VersionDocument): void {
    this.versions.set(document.version, {
      document,
      target: {
        version: {
          ...runnableVersion(document, document.version, document.deployment, "Active"),
          ...pinned(this.#head, document.version, document.deployment),
        },
        invokedFunctionArn: functionArn(document, document.version),
        executedVersion: document.version,
      },
    });
  }

  /** A version that its function vouches for; see `VersionDocument`. */
  version(number: string): PublishedVersion | undefined {
    const published = this.versions.get(number);
    return published !== undefined && this.#vouchesFor(published.document) ? published : undefined;
  }

  alias(aliasName: string): AliasDocument | undefined {
    const alias = this.aliases.get(aliasName);
    return alias !== undefined && alias.functionId === this.#head?.functionId ? alias : undefined;
  }

  /** In ascending order. */
  publishedVersions(): PublishedVersion[] {
    return [...this.versions.values()]
      .filter(({ document }) => this.#vouchesFor(document))
      .sort((a, b) => Number(a.document.version) - Number(b.document.version));
  }

  /** In order of their names. */
  visibleAliases(): AliasDocument[] {
    return [...this.aliases.values()]
      .filter((alias) => alias.functionId === this.#head?.functionId)
      .sort((a, b) => (a.aliasName < b.aliasName ? -1 : 1));
  }

  /** What is reserved and provisioned for this function; undefined when nothing is. */
  get concurrency(): ConcurrencyDocument | undefined {
    const stored = this.storedConcurrency;
    return stored !== undefined && stored.functionId === this.#head?.functionId ? stored : undefined;
  }

  #vouchesFor(document: VersionDocument): boolean {
    const head = this.#head;
    return (
      head !== undefined &&
      document.functionId === head.functionId &&
      Number(document.version) < head.nextVersion
    );
  }
}

function pinned(
  head: FunctionDocument | undefined,
  version: string,
  deployment: Deployment,
): Pick<FunctionVersion, "runtimePin"> {
  const pin = runtimePin(head, version, deployment);
  return pin === undefined ? {} : { runtimePin: pin };
}

function runnableVersion(
  name: FunctionName,
  version: string,
  deployment: Deployment,
  state: FunctionState,
): FunctionVersion {
  const { settings } = deployment;
  return {
    account: name.account,
    region: name.region,
    functionName: name.functionName,
    version,
    deploymentId: deployment.deploymentId,
    runtime: settings.runtime,
    handler: settings.handler,
    roleArn: settings.roleArn,
    timeoutSeconds: settings.timeoutSeconds,
    memoryMb: settings.memoryMb,
    ephemeralStorageMb: settings.ephemeralStorageMb,
    fileSystems: settings.fileSystems,
    environmentVariables: settings.environmentVariables ?? {},
    codeHash: deployment.code.codeHash,
    unzippedBytes: deployment.code.unzippedBytes,
    ...(settings.layers !== undefined &&
      settings.layers.length > 0 && { layers: settings.layers.map(({ code }) => code.codeHash) }),
    logging: settings.logging,
    state,
    tracingMode: settings.tracingMode,
    ...(settings.deadLetterTargetArn !== undefined && { deadLetterTargetArn: settings.deadLetterTargetArn }),
  };
}
