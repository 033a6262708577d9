import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { installFromNpm } from "./install.ts";
import { HELLO_HANDLER, type Peer } from "./peer.ts";
import { runPeer } from "./run-peer.ts";

/** The last major versions that need no account. */
const SERVERLESS = "3.40.0";
const OFFLINE = "13.9.0";

const SERVICE = `service: bench
frameworkVersion: "3"
provider:
  name: aws
  runtime: nodejs20.x
  region: us-east-1
plugins:
  - serverless-offline
functions:
  hello:
    handler: index.handler
    memorySize: 1769
`;

export const serverlessOffline: Peer = {
  name: "serverless-offline",
  remark: `serverless-offline ${OFFLINE}: worker threads of one process; no isolation, no limits`,
  concurrencyMax: Number.POSITIVE_INFINITY,
  async start() {
    const label = `serverless-offline-${OFFLINE}`;
    const installed = await installFromNpm(
      label,
      `serverless@${SERVERLESS}`,
      `serverless-offline@${OFFLINE}`,
    );
    return runPeer(async (directory) => {
      await symlink(join(installed, "node_modules"), join(directory, "node_modules"));
      await writeFile(join(directory, "serverless.yml"), SERVICE);
      await writeFile(join(directory, "index.js"), HELLO_HANDLER);
      const [http, lambda, websocket] = [await freePort(), await freePort(), await freePort()];
      return {
        command: [
          process.execPath,
          "node_modules/serverless/bin/serverless.js",
          "offline",
          "start",
          "--noSponsor",
          "--host",
          "127.0.0.1",
          "--httpPort",
          String(http),
          "--lambdaPort",
          String(lambda),
          "--websocketPort",
          String(websocket),
        ],
        environment: {
          AWS_ACCESS_KEY_ID: "any",
          AWS_SECRET_ACCESS_KEY: "any",
          SLS_TELEMETRY_DISABLED: "1",
          SLS_NOTIFICATIONS_MODE: "off",
        },
        url: `http://127.0.0.1:${lambda}/2015-03-31/functions/bench-dev-hello/invocations`,
      };
    });
  },
};
