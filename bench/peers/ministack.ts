import { join } from "node:path";
import { deploy, lambdaClient } from "../../test/support/deploy.ts";
import { freePort } from "../free-port.ts";
import { installOnce, run } from "./install.ts";
import { HELLO_HANDLER, type Peer } from "./peer.ts";
import { runPeer } from "./run-peer.ts";

const VERSION = "1.5.33";
const FUNCTION_NAME = "bench-hello";

export const ministack: Peer = {
  name: "ministack",
  remark: `MiniStack ${VERSION}: plain processes of the same user; no isolation, no limits`,
  concurrencyMax: Number.POSITIVE_INFINITY,
  async start() {
    const installed = await installOnce(`ministack-${VERSION}`, async (directory) => {
      // Into the directory itself and not a virtual environment, which could not be renamed.
      const quiet = ["--quiet", "--disable-pip-version-check"];
      const packages = ["--target", directory, `ministack==${VERSION}`];
      await run(["python3", "-m", "pip", "install", ...quiet, ...packages], directory);
    });
    return runPeer(async (directory) => {
      const port = await freePort();
      const endpoint = `http://127.0.0.1:${port}`;
      let deployed = false;
      return {
        command: ["python3", "-m", "ministack"],
        environment: {
          PYTHONPATH: installed,
          BIND_HOST: "127.0.0.1",
          GATEWAY_PORT: String(port),
          TMPDIR: directory,
          HOME: directory,
          PATH: `${join(installed, "bin")}:${process.env.PATH ?? ""}`,
        },
        deploy: async () => {
          if (deployed) return;
          const lambda = lambdaClient(endpoint);
          await deploy(
            lambda,
            FUNCTION_NAME,
            { "index.js": HELLO_HANDLER },
            { Runtime: "nodejs22.x", MemorySize: 1_769 },
          );
          deployed = true;
        },
        url: `${endpoint}/2015-03-31/functions/${FUNCTION_NAME}/invocations`,
      };
    });
  },
};
