import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installAwsLambdaRic, installInterfaceEmulator } from "../../test/support/official-clients.ts";
import { freePort } from "../free-port.ts";
import { HELLO_HANDLER, type Peer } from "./peer.ts";
import { runPeer } from "./run-peer.ts";

export const runtimeInterfaceEmulator: Peer = {
  name: "runtime-interface-emulator",
  remark: "AWS's runtime interface emulator with AWS's Node client: one invocation at a time, no isolation",
  concurrencyMax: 1,
  async start() {
    const emulator = await installInterfaceEmulator();
    if (emulator.directory === undefined) throw new Error(emulator.failure);
    const client = await installAwsLambdaRic();
    if (client.directory === undefined) throw new Error(client.failure);
    return runPeer(async (directory) => {
      await writeFile(join(directory, "index.js"), HELLO_HANDLER);
      const [front, inside] = [await freePort(), await freePort()];
      return {
        command: [
          join(emulator.directory, "aws-lambda-rie"),
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
