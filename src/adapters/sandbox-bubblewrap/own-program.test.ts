import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ownProgram } from "./own-program.ts";

const PATHS = ["/var/task/bootstrap", "/opt/bootstrap"];

interface Packages {
  readonly code: string;
  readonly layers: string;
  readonly find: () => Promise<string | undefined>;
}

function packages(t: TestContext): Packages {
  const directory = mkdtempSync(join(tmpdir(), "lambent-own-program-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [code, layers] = [join(directory, "code"), join(directory, "layers")];
  for (const path of [code, layers]) mkdirSync(path);
  const find = (): Promise<string | undefined> =>
    ownProgram(PATHS, { codeDirectory: code, layersDirectory: layers });
  return { code: join(code, "bootstrap"), layers: join(layers, "bootstrap"), find };
}

function put(path: string, content: string | Buffer, mode = 0o755): void {
  writeFileSync(path, content);
  chmodSync(path, mode);
}

test("a script and a program of this machine are started, the code's before a layer's", async (t) => {
  const { code, layers, find } = packages(t);
  assert.equal(await find(), undefined);
  put(layers, "#!/bin/sh\nexit 0\n");
  assert.equal(await find(), "/opt/bootstrap");
  put(code, "#! /usr/bin/env python3\n");
  assert.equal(await find(), "/var/task/bootstrap");
  copyFileSync(process.execPath, code);
  chmodSync(code, 0o755);
  assert.equal(await find(), process.platform === "linux" ? "/var/task/bootstrap" : undefined);
});

test("what the kernel would not execute is left to the launcher, and a layer's is not taken in its place", async (t) => {
  const { code, layers, find } = packages(t);
  put(layers, "#!/bin/sh\n");
  const elf = Buffer.alloc(64);
  elf.write("\x7fELF\x02\x01", "latin1");
  for (const [content, mode] of [
    ["#!/bin/sh\n", 0o644],
    ["echo without a first line\n", 0o755],
    ["#!/no/such/interpreter\n", 0o755],
    ["#!/usr/../work/interpreter\n", 0o755],
    ["#!/var/task/interpreter\n", 0o755],
    ["#!\n", 0o755],
    ["", 0o755],
    [elf, 0o755],
    ["\x7fELF", 0o755],
  ] as const) {
    put(code, content, mode);
    assert.equal(await find(), undefined, String(content));
  }
});

test("links are left to the launcher, as they lead elsewhere inside; a directory is no program", async (t) => {
  const { code, layers, find } = packages(t);
  put(layers, "#!/bin/sh\n");
  symlinkSync("/bin/sh", code);
  assert.equal(await find(), undefined);
  rmSync(code);
  mkdirSync(code);
  assert.equal(await find(), "/opt/bootstrap");
});
