import { spawn } from "node:child_process";
import { requireProgram } from "../programs.ts";

/**
 * Notices when somebody takes a table away, as a restart of the machine's own firewall does that flushes all rules:
 * without them functions would reach the host. Returns what ends the watch.
 */
export function watchTable(table: string, onGone: () => void): () => void {
  const nft = requireProgram("nft", "nftables");
  const parameters = ["--pdeathsig", "KILL", "--", nft, "monitor", "destroy", "tables"];
  // It must not outlive this process, and reads nothing whose end could tell it.
  const child = spawn(requireProgram("setpriv", "util-linux"), parameters, {
    cwd: "/",
    env: { LC_ALL: "C" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  child.once("error", () => {});
  let closed = false;
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    const lines = (text + part).split("\n");
    text = lines.pop() ?? "";
    if (!closed && lines.some((line) => line === `delete table inet ${table}`)) onGone();
  });
  return () => {
    closed = true;
    child.kill("SIGKILL");
  };
}
