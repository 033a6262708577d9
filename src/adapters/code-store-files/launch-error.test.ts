import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchError } from "./launch-error.ts";

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "lambent-launch-"));
  await mkdir(join(root, "bin"));
  await writeFile(join(root, "bin/shell"), "");
});
after(() => rm(root, { recursive: true }));

/** The header of a program for a processor, by ELF's number of it. */
function program(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.write("\x7fELF\x02\x01\x01", "latin1");
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(machine, 18);
  return header;
}

const [own, other] = process.arch === "arm64" ? [0xb7, 0x3e] : [0x3e, 0xb7];

for (const [what, contents, mode, reason] of [
  ["a script", "#!/bin/sh\nexit 0\n", 0o755, undefined],
  ["a script with a parameter of its interpreter", "#! /usr/bin/env node\n", 0o755, undefined],
  ["a script of an interpreter in a layer", "#!/opt/bin/shell -x\n", 0o755, undefined],
  ["a script of the runtime's interpreter", "#!/var/lang/bin/python3\n", 0o755, undefined],
  ["a program for this machine", program(own), 0o755, undefined],
  ["a file that is no program", "#!/bin/sh\n", 0o644, "permission denied"],
  ["a script of an interpreter that no layer has", "#!/opt/bin/other\n", 0o755, "no such file or directory"],
  ["a script with the line ends of Windows", "#!/bin/sh\r\nexit 0\r\n", 0o755, "no such file or directory"],
  ["a program for another processor", program(other), 0o755, "exec format error"],
  ["commands without an interpreter", "exit 0\n", 0o755, "exec format error"],
  ["an empty file", "", 0o755, "exec format error"],
] as const)
  test(`${what}: ${reason ?? "can be executed"}`, async () => {
    const path = join(root, "extension");
    await rm(path, { force: true });
    await writeFile(path, contents, { mode });
    assert.equal(await launchError(path, root), reason);
  });
