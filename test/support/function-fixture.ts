import { createHash } from "node:crypto";
import { createFunctionService, type FunctionService } from "../../src/functions/function-service.ts";
import type { SettingsInput } from "../../src/functions/function-settings.ts";
import type { CodeStore, LayersDirectory, StoredCode } from "../../src/ports/code-store.ts";
import type { InstalledRuntime, RuntimeCatalogue } from "../../src/ports/runtime-catalogue.ts";
import { NotFound } from "../../src/ports/store.ts";
import { ManualClock } from "./manual-clock.ts";
import { MemoryKeyValueStore } from "./memory-store.ts";

export const OWNER = { account: "123456789012", region: "eu-west-1" } as const;
export const ROLE_ARN = `arn:aws:iam::${OWNER.account}:role/service`;

/** Packages in memory; `hold` keeps functions Pending until the returned function is called. */
export class MemoryCodeStore implements CodeStore {
  readonly packages = new Map<string, Uint8Array>();
  #gate: Promise<void> = Promise.resolve();

  hold(): () => void {
    const gate = Promise.withResolvers<void>();
    this.#gate = gate.promise;
    return gate.resolve;
  }

  async add(zip: Uint8Array): Promise<StoredCode> {
    const digest = createHash("sha256").update(zip).digest();
    const codeHash = digest.toString("hex");
    this.packages.set(codeHash, zip);
    return {
      codeHash,
      codeSha256: digest.toString("base64"),
      sizeBytes: zip.byteLength,
      unzippedBytes: zip.byteLength,
    };
  }

  async directory(codeHash: string): Promise<string> {
    await this.#gate;
    if (!this.packages.has(codeHash)) throw new NotFound(codeHash);
    return `/code/${codeHash}`;
  }

  async layers(codeHashes: readonly string[]): Promise<LayersDirectory> {
    return { directory: `/layers/${codeHashes.join("-")}`, extensions: [] };
  }

  async read(codeHash: string): Promise<AsyncIterable<Uint8Array>> {
    const zip = this.packages.get(codeHash);
    if (zip === undefined) throw new NotFound(codeHash);
    return (async function* () {
      yield zip;
    })();
  }

  async list(): Promise<readonly string[]> {
    return [...this.packages.keys()];
  }

  async remove(codeHash: string): Promise<void> {
    this.packages.delete(codeHash);
  }
}

const runtime = (identifier: string): InstalledRuntime => ({
  identifier,
  version: "1",
  versionHash: createHash("sha256").update(identifier).digest("hex"),
  program: { command: ["/bin/true"], mounts: [] },
  environmentVariables: {},
  managed: true,
});

const INSTALLED = [runtime("nodejs24.x"), runtime("python3.12")];

/** Knows nodejs24.x and python3.12. */
export const TEST_RUNTIMES: RuntimeCatalogue = {
  find: (identifier) => INSTALLED.find((installed) => installed.identifier === identifier),
  list: () => INSTALLED,
  missingAdvice: (identifier) => `Install it with: lambent runtime install ${identifier}`,
};

export interface FunctionFixture {
  readonly keyValue: MemoryKeyValueStore;
  readonly codeStore: MemoryCodeStore;
  readonly clock: ManualClock;
  /** The next numbers that decide between the versions of an alias; 0.5 when empty. */
  readonly chances: number[];
  /** Ends the service without any goodbye and starts another one on the same store. */
  restart(): Promise<FunctionService>;
  functions: FunctionService;
}

export async function openFunctions(accountConcurrency = 1000): Promise<FunctionFixture> {
  const keyValue = new MemoryKeyValueStore();
  const codeStore = new MemoryCodeStore();
  const clock = new ManualClock();
  const chances: number[] = [];
  const ignore = (): void => undefined;
  const start = (): Promise<FunctionService> =>
    createFunctionService({
      keyValue,
      codeStore,
      runtimes: TEST_RUNTIMES,
      clock,
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      random: () => chances.shift() ?? 0.5,
      hostArchitecture: "x86_64",
      accountConcurrency,
    });
  const fixture: FunctionFixture = {
    keyValue,
    codeStore,
    clock,
    chances,
    functions: await start(),
    async restart() {
      fixture.functions = await start();
      return fixture.functions;
    },
  };
  return fixture;
}

/** What CreateFunction needs at least. */
export const creation = (functionReference: string, settings: SettingsInput = {}, zip = "zip") => ({
  functionReference,
  zip: Buffer.from(zip),
  settings: { runtime: "nodejs24.x", handler: "index.handler", roleArn: ROLE_ARN, ...settings },
  architecture: undefined,
  tags: undefined,
  publish: false,
});

export const codeUpdate = (functionReference: string, zip: string) => ({
  functionReference,
  zip: Buffer.from(zip),
  architecture: undefined,
  publish: false,
  dryRun: false,
  revisionId: undefined,
});

export const publication = (functionReference: string) => ({
  functionReference,
  codeSha256: undefined,
  description: undefined,
  revisionId: undefined,
});

/** What most tests do with the one function "f" of a fixture; `current` gives the fixture of the running test. */
export function functionActions(current: () => FunctionFixture) {
  return {
    describeIt: (qualifier?: string) =>
      current().functions.directory.describe(OWNER, "f", qualifier).description,
    create: async (name = "f"): Promise<void> => {
      await current().functions.lifecycle.create(OWNER, creation(name));
      await current().functions.idle();
    },
    updateMemory: (memoryMb: number) =>
      current().functions.lifecycle.updateConfiguration(OWNER, {
        functionReference: "f",
        settings: { memoryMb },
        revisionId: undefined,
      }),
  };
}
