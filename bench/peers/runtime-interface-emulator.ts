import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installAwsLambdaRic } from "../../test/support/official-clients.ts";
import { freePort } from "../free-port.ts";
import { installOnce, run } from "./install.ts";
import { HELLO_HANDLER, type Peer } from "./peer.ts";
import { runPeer } from "./run-peer.ts";

const MODULE = "github.com/aws/aws-lambda-runtime-interface-emulator";
/** Its tags are no versions of a Go module, so that it is a commit that is named. */
const COMMIT = "0f5fce3275ada05b2e0cc2c097c6240b0442a3d6";

/** Built from the Go module proxy; go checks it against the checksum database. */
function build(): Promise<string> {
  return installOnce(`runtime-interface-emulator-${COMMIT.slice(0, 12)}`, async (directory) => {
    const module = join(directory, "module");
    await mkdir(module);
    await writeFile(join(module, "go.mod"), "module bench\n\ngo 1.25\n");
    await run(["go", "get", `${MODULE}/cmd/aws-lambda-rie@${COMMIT}`], module);
    await run(["go", "build", "-o", join(directory, "rie"), `${MODULE}/cmd/aws-lambda-rie`], module);
    await rm(module, { recursive: true });
  });
}

export const runtimeInterfaceEmulator: Peer = {
  name: "runtime-interface-emulator",
  remark: "AWS's runtime interface emulator with AWS's Node client: one invocation at a time, no isolation",
  concurrencyMax: 1,
  async start() {
    const installed = await build();
    const client = await installAwsLambdaRic();
    if (client.directory === undefined) throw new Error(client.failure);
    return runPeer(async (directory) => {
      await writeFile(join(directory, "index.js"), HELLO_HANDLER);
      const [front, inside] = [await freePort(), await freePort()];
      return {
        command: [
          join(installed, "rie"),
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
