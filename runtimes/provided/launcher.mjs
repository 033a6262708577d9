/**
 * Entry point of the OS-only runtimes (provided.*), run by Lambent's own Node: hands the listeners over and then
 * becomes the function's `bootstrap`, which finds nothing of Lambent's but its environment variables.
 */
import { closeSync } from "node:fs";
import { join } from "node:path";
import { RuntimeApiClient } from "../nodejs/runtime-api-client.cjs";
import { awaitFunction } from "./await-function.mjs";
import { becomeProgram, takeTelemetryDescriptor } from "./become-program.mjs";
import { executableFault, isRegularFile } from "./executable-check.mjs";

await awaitFunction();

// AWS looks in LAMBDA_RUNTIME_DIR first; Lambent's OS-only runtimes have nothing there.
const candidates = [process.env.LAMBDA_TASK_ROOT ?? "/var/task", "/opt"].map((root) =>
  join(root, "bootstrap"),
);
const bootstrap = candidates.find(isRegularFile);
const fault =
  bootstrap === undefined
    ? `Couldn't find valid bootstrap(s): [${candidates.join(" ")}]`
    : executableFault(bootstrap);

if (bootstrap === undefined || fault !== undefined) {
  // AWS: Runtime.InvalidEntrypoint with this text, written by the Go program that starts the runtime there.
  const message = bootstrap === undefined ? fault : `fork/exec ${bootstrap}: ${fault}`;
  const client = new RuntimeApiClient(process.env.AWS_LAMBDA_RUNTIME_API);
  await client.postInitError({ errorType: "Runtime.InvalidEntrypoint", errorMessage: message });
  process.exit(1);
}

const telemetry = takeTelemetryDescriptor();
if (telemetry !== undefined) closeSync(telemetry);
becomeProgram(bootstrap, [], process.env);
