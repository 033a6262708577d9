/** Commands for iproute2's `ip`, whatever its version keeps back of its answers. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { IpCommands } from "../../src/adapters/sandbox-bubblewrap/network/ip-commands.ts";
import { skipUnless } from "../support/skip.ts";

const LIMIT = { timeout: 30_000 };
const ip = new IpCommands();
after(() => ip.close());

test("commands are answered while `ip` goes on, each with what it said itself", LIMIT, async (t) => {
  const isHere = spawnSync("ip", ["-V"]).status === 0;
  if (!skipUnless(t, isHere, "there is no iproute2", "apt-get install iproute2")) return;
  await ip.run(["link show dev lo"]);
  const [first, second, third] = await Promise.allSettled([
    ip.run(["link show dev absent-1", "link show dev lo", "link show dev absent-2"]),
    ip.run(["link show dev lo"]),
    ip.run(["link show dev absent-3"]),
  ]);
  assert.match(String(first.status === "rejected" && first.reason), /^Error: ip: .*absent-1.*absent-2/);
  assert.equal(second.status, "fulfilled");
  assert.match(String(third.status === "rejected" && third.reason), /absent-3/);
  assert.doesNotMatch(String(third.status === "rejected" && third.reason), /absent-[12]|lambent-mark/);
});
