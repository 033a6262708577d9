/** Our .NET client without a sandbox: each handler in a process of its own, against a scripted Runtime API. */
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { csharpCompiler, dotnetCore31 } from "./dotnet.ts";
import { compileDotnetFunctions } from "./dotnet-functions.ts";
import { commandOnHost, discoverForTests } from "./installed-runtimes.ts";
import { FUNCTION_VARIABLES } from "./runtime-clients.ts";
import { RuntimeProcess } from "./runtime-process.ts";
import { ScriptedRuntimeApi } from "./scripted-runtime-api.ts";
import { skipUnless } from "./skip.ts";

export interface RunningDotnet {
  readonly api: ScriptedRuntimeApi;
  readonly process: RuntimeProcess;
}

/** The functions of `compileDotnetFunctions` and the .NET Core 3.1 that runs them, as far as they can be had. */
export class DotnetClient {
  /** Holds the directory `package` with the functions. */
  readonly root: string;
  readonly directory: string;
  readonly #command: readonly string[];
  readonly #missing: { readonly reason: string; readonly howTo: string } | undefined;

  private constructor(root: string, command: readonly string[], missing?: { reason: string; howTo: string }) {
    this.root = root;
    this.directory = join(root, "package");
    this.#command = command;
    this.#missing = missing;
  }

  static async prepare(): Promise<DotnetClient> {
    const { prefix, assemblies, failure = "", howTo = "" } = await dotnetCore31();
    if (prefix === undefined) return new DotnetClient("", [], { reason: failure, howTo });
    if (!(await csharpCompiler()))
      return new DotnetClient("", [], {
        reason: "there is no C# compiler",
        howTo: "apt-get install mono-mcs",
      });
    const runtime = (await discoverForTests([prefix])).find("dotnet8");
    if (runtime === undefined) throw new Error(`No runtime was found in ${prefix}.`);
    return new DotnetClient(await compileDotnetFunctions(assemblies), commandOnHost(runtime.program));
  }

  /** False, with the test skipped, where something is missing. */
  isReady(t: TestContext): boolean {
    return skipUnless(
      t,
      this.#missing === undefined,
      this.#missing?.reason ?? "",
      this.#missing?.howTo ?? "",
    );
  }

  /** Runs `use` with a process of a handler: a method of Example.Cases, or a whole name. */
  async run(
    handler: string,
    use: (running: RunningDotnet) => Promise<void>,
    variables: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const api = await ScriptedRuntimeApi.start();
    const process = new RuntimeProcess({
      // As in a sandbox, where telemetry is a pipe: only that can be opened again as standard input.
      command: ["bash", "-c", 'exec 4> >(exec cat >&4); exec "$@"', "bash", ...this.#command],
      cwd: this.directory,
      environmentVariables: {
        ...FUNCTION_VARIABLES,
        AWS_LAMBDA_RUNTIME_API: api.address,
        LAMBDA_TASK_ROOT: this.directory,
        _HANDLER: /^$|:/.test(handler) ? handler : `Example::Example.Cases::${handler}`,
        ...variables,
      },
    });
    try {
      await use({ api, process });
    } finally {
      await process.stop();
      api.close();
    }
  }

  /** What a program of the package prints. */
  async output(assembly: string, ...parameters: string[]): Promise<string> {
    const dotnet = this.#command.at(-1) ?? "";
    const env = { DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: "1" };
    const words = ["exec", join(this.directory, assembly), ...parameters];
    const { stdout } = await promisify(execFile)(dotnet, words, { env, timeout: 60_000 });
    return stdout;
  }

  async remove(): Promise<void> {
    if (this.root !== "") await rm(this.root, { recursive: true, force: true });
  }
}
