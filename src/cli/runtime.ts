import { configurationOfThisProcess } from "../config.ts";
import { OperatorError } from "../core/operator-error.ts";

/** `lambent runtime install IDENTIFIER…`: exit code 1 when one of them could not be installed. */
export async function installRuntimes(identifiers: readonly string[]): Promise<void> {
  const { machineRuntimes, runtimeInstaller } = await import("../runtime-installation.ts");
  const installer = runtimeInstaller(await machineRuntimes(configurationOfThisProcess({})), (line) =>
    console.log(line),
  );
  const failures: OperatorError[] = [];
  for (const identifier of identifiers) {
    try {
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

/** `lambent runtime list`: every runtime that this version of Lambent has, with its versions on this machine. */
export async function listRuntimes(): Promise<void> {
  const { machineRuntimes } = await import("../runtime-installation.ts");
  const known = (await machineRuntimes(configurationOfThisProcess({}))).known();
  const width = Math.max(...known.map(({ identifier }) => identifier.length)) + 2;
  for (const { identifier, versions, couldStandIn, install } of known) {
    const marked = versions.map(({ version, isOlder }) => (isOlder ? `${version} (stands in)` : version));
    const missing =
      install.length === 0 ? "missing" : `missing; install it with lambent runtime install ${identifier}`;
    const older = couldStandIn === undefined ? "" : `; ${couldStandIn} could stand in`;
    console.log(`${identifier.padEnd(width)}${marked.length > 0 ? marked.join(", ") : `${missing}${older}`}`);
  }
}
