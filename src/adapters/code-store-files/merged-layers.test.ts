import assert from "node:assert/strict";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { MemoryBlobStore } from "../../../test/support/memory-store.ts";
import { type RawEntry, rawZip } from "../../../test/support/zip.ts";
import type { CodeStore } from "../../ports/code-store.ts";
import { openCodeStore } from "./code-store-files.ts";

const LINK = 0o120777;

let root: string;
let store: CodeStore;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "lambent-layers-"));
  store = await openCodeStore({ directory: join(root, "store"), blobs: new MemoryBlobStore() });
});

afterEach(() => rm(root, { recursive: true }));

/** The layers over one another, each given by its entries. */
async function merged(...layers: readonly (readonly RawEntry[])[]): Promise<string> {
  const codes = await Promise.all(layers.map((entries) => store.add(rawZip(entries))));
  return (await store.layers(codes.map(({ codeHash }) => codeHash))).directory;
}

describe("layers over one another", () => {
  test("links that lead out only when combined are not followed", async () => {
    const outside = join(root, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "canary"), "untouched");
    const tree = await merged(
      [
        { name: "real/file", contents: "x" },
        { name: "a/b/c/d/e/up", contents: "../../../../../real", mode: LINK },
      ],
      // On its own this one stays inside, as "up" could be a directory.
      [{ name: "out", contents: "a/b/c/d/e/up/../../../../outside", mode: LINK }],
      [
        { name: "out/canary", contents: "overwritten" },
        { name: "out/planted", contents: "planted" },
      ],
    );
    assert.deepEqual(await readdir(outside), ["canary"]);
    assert.equal(await readFile(join(outside, "canary"), "utf8"), "untouched");
    assert.ok((await lstat(join(tree, "out"))).isDirectory());
    assert.deepEqual((await readdir(join(tree, "out"))).sort(), ["canary", "planted"]);
  });

  test("a later directory takes the place of an earlier link, and what that led to stays as it was", async () => {
    const tree = await merged(
      [
        { name: "lib64/one", contents: "one" },
        { name: "lib", contents: "lib64", mode: LINK },
      ],
      [{ name: "lib/two", contents: "two" }],
    );
    assert.deepEqual(await readdir(join(tree, "lib64")), ["one"]);
    assert.deepEqual(await readdir(join(tree, "lib")), ["two"]);
  });

  test("programs outside are no extensions, whatever links lead there", async () => {
    const outside = join(root, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "program"), "#!/bin/sh", { mode: 0o755 });
    const codes = await Promise.all(
      [
        [
          { name: "real/file", contents: "x" },
          { name: "a/b/c/d/e/up", contents: "../../../../../real", mode: LINK },
        ],
        [{ name: "extensions", contents: "a/b/c/d/e/up/../../../../outside", mode: LINK }],
      ].map((entries) => store.add(rawZip(entries))),
    );
    const { directory, extensions } = await store.layers(codes.map(({ codeHash }) => codeHash));
    assert.deepEqual(await readdir(join(directory, "extensions")), ["program"], "the links lead out");
    assert.deepEqual(extensions, []);
  });
});
