/** .NET for the tests: the runtime in the wheel that Microsoft has on PyPI, and Mono's compiler for functions. */
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const WHEEL = "dotnetcore2==3.1.23";
const TIMEOUT_MS = 120_000;
const CACHE = join(import.meta.dirname, "../../node_modules/.cache/lambent");

const run = (program: string, words: readonly string[], env = process.env) =>
  promisify(execFile)(program, [...words], { env, timeout: TIMEOUT_MS });

/** `prefix` holds `dotnet`, `assemblies` those of .NET Core 3.1; or why they are not here. */
export type DotnetCore31 =
  | {
      readonly prefix: string;
      readonly assemblies: string;
      readonly failure?: undefined;
      readonly howTo?: undefined;
    }
  | {
      readonly prefix?: undefined;
      readonly assemblies?: undefined;
      readonly failure: string;
      readonly howTo: string;
    };

/** Downloads it once; there is no newer one at any package registry that needs no account and no SDK. */
export async function dotnetCore31(): Promise<DotnetCore31> {
  const directory = join(CACHE, WHEEL.replace("==", "-"));
  try {
    await readdir(directory).catch(() => download(directory));
    const prefix = join(directory, "dotnetcore2/bin");
    const frameworks = join(prefix, "shared/Microsoft.NETCore.App");
    const [version = ""] = await readdir(frameworks);
    return { prefix, assemblies: join(frameworks, version) };
  } catch (error) {
    return {
      failure: `.NET Core 3.1 could not be had: ${(error as Error).message}`,
      howTo: `have pip for python3 (apt-get install python3-pip), and ${WHEEL} at hand on PyPI; Linux on x86-64`,
    };
  }
}

async function download(directory: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(join(CACHE, ".dotnet-"));
  try {
    const target = ["--platform", "manylinux1_x86_64", "--python-version", "38", "--only-binary=:all:"];
    const quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"];
    await run("python3", ["-m", "pip", "download", ...quiet, ...target, "--dest", unfinished, WHEEL]);
    const [wheel = ""] = await readdir(unfinished);
    await run("python3", ["-m", "zipfile", "--extract", join(unfinished, wheel), unfinished]);
    await rm(join(unfinished, wheel));
    await chmod(join(unfinished, "dotnetcore2/bin/dotnet"), 0o755);
    await chmod(unfinished, 0o755);
    await rename(unfinished, directory);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Whether there is a C# compiler; as root on Debian it is installed. */
export async function csharpCompiler(): Promise<boolean> {
  const works = () =>
    run("mcs", ["--version"]).then(
      () => true,
      () => false,
    );
  if (await works()) return true;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const install = () => run("apt-get", ["install", "--yes", "--no-install-recommends", "mono-mcs"], env);
  await install().catch(() =>
    run("apt-get", ["update"], env)
      .then(install)
      .catch(() => undefined),
  );
  return works();
}
