import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../free-port.ts";
import { installFromNpm } from "./install.ts";
import type { Peer } from "./peer.ts";
import { runPeer } from "./run-peer.ts";

const VERSION = "1.20261117.1";
const PLATFORM = process.arch === "arm64" ? "linux-arm64" : "linux-64";

const configuration = (port: number): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "hello", worker = .hello) ],
  sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "hello") ]
);
const hello :Workerd.Worker = (
  modules = [ (name = "worker", esModule = "export default { async fetch(request) { await request.json(); return new Response('\\"hello\\"', { headers: { 'content-type': 'application/json' } }); } };") ],
  compatibilityDate = "2025-01-01",
);
`;

export const workerd: Peer = {
  name: "workerd",
  remark: `workerd ${VERSION}: V8 isolates in one process; no Lambda API, no Node.js process, no limits`,
  concurrencyMax: Number.POSITIVE_INFINITY,
  async start() {
    const installed = await installFromNpm(`workerd-${VERSION}`, `workerd@${VERSION}`);
    const binary = join(installed, "node_modules/@cloudflare", `workerd-${PLATFORM}`, "bin/workerd");
    if (!existsSync(binary)) throw new Error(`no workerd for ${process.platform} ${process.arch}`);
    return runPeer(async (directory) => {
      const port = await freePort();
      await writeFile(join(directory, "config.capnp"), configuration(port));
      return { command: [binary, "serve", "config.capnp"], url: `http://127.0.0.1:${port}/` };
    });
  },
};
