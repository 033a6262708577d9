import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installAwsLambdaRic } from "../../test/support/official-clients.ts";
import { freePort } from "../free-port.ts";
import { installOnce, run } from "./install.ts";
import { HELLO_HANDLER, type Peer } from "./peer.ts";
import { runPeer } from "./run-peer.ts";

/** AWS ships the emulator in its SAM CLI; as a Go module it has no versions, and module proxies refuse its commits. */
const SAM_CLI = "aws-sam-cli==1.170.0";
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "x86_64", arm64: "arm64" };

/** The path of the emulator's program. */
async function install(): Promise<string> {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`there is none for ${process.arch}`);
  const program = `samcli/local/rapid/aws-lambda-rie-${architecture}`;
  const installed = await installOnce(SAM_CLI.replace("==", "-"), async (directory) => {
    const quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"];
    await run(["python3", "-m", "pip", "install", ...quiet, "--target", directory, SAM_CLI], directory);
    await chmod(join(directory, program), 0o755);
  });
  return join(installed, program);
}

export const runtimeInterfaceEmulator: Peer = {
  name: "runtime-interface-emulator",
  remark: "AWS's runtime interface emulator with AWS's Node client: one invocation at a time, no isolation",
  concurrencyMax: 1,
  async start() {
    const emulator = await install();
    const client = await installAwsLambdaRic();
    if (client.directory === undefined) throw new Error(client.failure);
    return runPeer(async (directory) => {
      await writeFile(join(directory, "index.js"), HELLO_HANDLER);
      const [front, inside] = [await freePort(), await freePort()];
      return {
        command: [
          emulator,
          "--log-level",
          "error",
          "--runtime-interface-emulator-address",
          `127.0.0.1:${front}`,
          "--runtime-api-address",
          `127.0.0.1:${inside}`,
          process.execPath,
          join(client.directory ?? "", "index.mjs"),
          "index.handler",
        ],
        environment: { _HANDLER: "index.handler", LAMBDA_TASK_ROOT: directory },
        url: `http://127.0.0.1:${front}/2015-03-31/functions/function/invocations`,
      };
    });
  },
};
