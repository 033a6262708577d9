import { configurationOfThisProcess } from "../config.ts";
import { OperatorError } from "../core/operator-error.ts";

/** `lambent runtime install IDENTIFIER…`, of runtimes and of the SDKs they bring along: exit code 1 when one of them could not be installed. */
export async function installRuntimes(identifiers: readonly string[]): Promise<void> {
  const { libraryInstaller, machineRuntimes, runtimeInstaller } = await import("../runtime-installation.ts");
  const runtimes = await machineRuntimes(configurationOfThisProcess({}));
  const say = (line: string): void => console.log(line);
  const installer = runtimeInstaller(runtimes, say);
  const libraries = libraryInstaller(runtimes, say);
  const failures: OperatorError[] = [];
  for (const identifier of identifiers) {
    try {
      if (libraries.knows(identifier)) {
        await libraries.install(identifier);
        console.log(`${identifier}: is installed`);
        continue;
      }
      const { version, isOlder } = await installer.install(identifier);
      console.log(`${identifier}: ${version} is installed${isOlder ? ", an older one that stands in" : ""}`);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first === undefined) return;
  throw new OperatorError(
    failures.map(({ message }) => message).join("\nlambent: "),
    [...new Set(failures.map(({ advice }) => advice))].join("\n"),
    first.exitCode,
  );
}

/** `lambent runtime list`: every runtime and SDK that this version of Lambent has, with what is on this machine. */
export async function listRuntimes(): Promise<void> {
  const { machineRuntimes } = await import("../runtime-installation.ts");
  const runtimes = await machineRuntimes(configurationOfThisProcess({}));
  const known = runtimes.known();
  const width = Math.max(...known.map(({ identifier }) => identifier.length)) + 2;
  for (const { identifier, versions, couldStandIn, install } of known) {
    const marked = versions.map(({ version, isOlder }) => (isOlder ? `${version} (stands in)` : version));
    const missing =
      install.length === 0 ? "missing" : `missing; install it with lambent runtime install ${identifier}`;
    const older = couldStandIn === undefined ? "" : `; ${couldStandIn} could stand in`;
    console.log(`${identifier.padEnd(width)}${marked.length > 0 ? marked.join(", ") : `${missing}${older}`}`);
  }
  for (const { manifest, directory } of runtimes.libraries()) {
    const { identifier } = manifest;
    const missing = `missing; install it with lambent runtime install ${identifier}`;
    console.log(`${identifier.padEnd(width)}${directory === undefined ? missing : "installed"}`);
  }
}
