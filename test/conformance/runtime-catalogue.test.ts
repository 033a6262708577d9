import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { discoverRuntimes } from "../../src/adapters/runtime-catalogue/discover-runtimes.ts";
import { RUNTIMES_DIRECTORY } from "../support/installed-runtimes.ts";
import { skipUnless } from "../support/skip.ts";

const scratch = await mkdtemp(join(tmpdir(), "lambent-catalogue-"));
after(() => rm(scratch, { recursive: true, force: true }));

const base = {
  runtimesDirectory: RUNTIMES_DIRECTORY,
  nodeExecutable: process.execPath,
  lambentVersion: "9.8.7",
};
/** A machine on which nothing can be found but what a test puts there. */
const bare = { PATH: join(scratch, "empty"), HOME: scratch };

describe("discovery of runtimes", () => {
  test("Lambent's own Node is a runtime on any machine, and so are the OS-only ones", async () => {
    const catalogue = await discoverRuntimes({ ...base, environment: bare });
    const node = catalogue.find("nodejs24.x");
    assert.ok(node);
    assert.equal(node.version, process.versions.node);
    assert.equal(node.managed, true);
    // AWS: so the managed runtimes for Node.js are started, with --expose-gc, which ours adds to itself, and heaps by the function's memory.
    const flags = ["--max-http-header-size", "81920", "--max-semi-space-size=8", "--max-old-space-size=9216"];
    assert.deepEqual(node.program.command, ["/var/lang/bin/node", ...flags, "/var/runtime/bootstrap.cjs"]);
    assert.deepEqual(
      node.program.mounts.map(({ sandboxPath }) => sandboxPath),
      ["/var/lang/bin/node", "/var/runtime"],
    );
    assert.equal(node.environmentVariables.AWS_EXECUTION_ENV, "AWS_Lambda_nodejs24.x");
    assert.match(node.environmentVariables.NODE_PATH ?? "", /^\/opt\/nodejs\/node24\/node_modules:/);
    const provided = catalogue.find("provided.al2");
    assert.deepEqual([provided?.version, provided?.managed], ["9.8.7", false]);
    assert.equal(provided?.environmentVariables.AWS_EXECUTION_ENV, undefined);
  });

  test("a runtime waits as its manifest says, unless it says otherwise for one of its lines", async () => {
    const runtimesDirectory = join(scratch, "waiting");
    await cp(join(RUNTIMES_DIRECTORY, "provided"), join(runtimesDirectory, "provided"), { recursive: true });
    const file = join(runtimesDirectory, "provided", "manifest.json");
    const manifest = JSON.parse(await readFile(file, "utf8"));
    const runtimes = [
      { identifier: "provided.al2", line: "2" },
      { identifier: "provided.al2023", line: "2023", reserve: {} },
    ];
    await writeFile(file, JSON.stringify({ ...manifest, runtimes, reserve: { zygote: true } }));
    const catalogue = await discoverRuntimes({ ...base, runtimesDirectory, environment: bare });
    const reserves = runtimes.map(({ identifier }) => catalogue.find(identifier)?.reserve);
    assert.deepEqual(reserves, [{ zygote: true }, {}]);
  });

  test("a runtime whose zygote is a file can be forked where its pack has that file", async () => {
    const runtimesDirectory = join(scratch, "compiled");
    await cp(join(RUNTIMES_DIRECTORY, "nodejs"), join(runtimesDirectory, "nodejs"), { recursive: true });
    const file = join(runtimesDirectory, "nodejs", "manifest.json");
    const manifest = JSON.parse(await readFile(file, "utf8"));
    // Stands in for a compiler that may be there or not.
    const makePack = `require("node:fs").writeFileSync(process.argv[2] + "/made.node", "");`;
    await writeFile(join(runtimesDirectory, "nodejs", "make-own-pack.cjs"), makePack);
    const canFork = async (zygote: string | boolean, directory?: string): Promise<boolean | undefined> => {
      const changed = { ...manifest, pack: "make-own-pack.cjs", reserve: { zygote } };
      await writeFile(file, JSON.stringify(changed));
      const failed = (error: unknown): never => assert.fail(String(error));
      const packs = directory === undefined ? {} : { packs: { directory, failed } };
      const catalogue = await discoverRuntimes({ ...base, ...packs, runtimesDirectory, environment: bare });
      const runtime = catalogue.find("nodejs24.x");
      assert.ok(runtime);
      return runtime.reserve?.zygote;
    };
    const packs = join(scratch, "packs");
    assert.equal(await canFork("made.node", packs), true);
    assert.equal(await canFork("not-made.node", packs), undefined);
    assert.equal(await canFork("made.node"), undefined);
    assert.equal(await canFork(true), true);
  });

  test("hashes tell versions apart and do not change by themselves", async () => {
    const [first, second] = await Promise.all(
      [0, 1].map(() => discoverRuntimes({ ...base, environment: bare })),
    );
    const hashes = first?.list().map(({ versionHash }) => versionHash) ?? [];
    assert.deepEqual(
      hashes,
      second?.list().map(({ versionHash }) => versionHash),
    );
    assert.equal(new Set(hashes).size, hashes.length);
    for (const hash of hashes) assert.match(hash, /^[0-9a-f]{64}$/);
    const newer = await discoverRuntimes({ ...base, lambentVersion: "9.9.0", environment: bare });
    assert.notEqual(newer.find("provided.al2")?.versionHash, first?.find("provided.al2")?.versionHash);
  });

  test("an interpreter elsewhere is found by its directory; scripts and broken files are passed by", async () => {
    const found = join(scratch, "versions", "node-a", "bin");
    const broken = join(scratch, "versions", "node-b", "bin");
    const script = join(scratch, "versions", "node-c", "bin");
    for (const directory of [found, broken, script]) await mkdir(directory, { recursive: true });
    await symlink(process.execPath, join(found, "node"));
    await writeFile(join(broken, "node"), "\x7fELF and nothing else", { mode: 0o755 });
    await writeFile(
      join(script, "node"),
      '#!/bin/sh\necho \'{"version":"24.99.0","executable":"/bin/sh"}\'\n',
      {
        mode: 0o755,
      },
    );
    const runtimesDirectory = join(scratch, "runtimes");
    await cp(join(RUNTIMES_DIRECTORY, "nodejs"), join(runtimesDirectory, "nodejs"), { recursive: true });
    const catalogue = await discoverRuntimes({
      ...base,
      runtimesDirectory,
      environment: bare,
      extraSearchPaths: [join(scratch, "versions", "*", "bin")],
    });
    assert.deepEqual(
      catalogue
        .list()
        .filter(({ identifier }) => identifier === "nodejs24.x")
        .map(({ version }) => version),
      [process.versions.node],
    );
  });

  test("a runtime is a folder with a manifest: a new one needs no code", async () => {
    const runtimesDirectory = join(scratch, "own");
    await mkdir(join(runtimesDirectory, "quick"), { recursive: true });
    await copyFile(process.execPath, join(scratch, "quickjs"));
    const manifest = {
      runtimes: [{ identifier: "quick24.x", line: "24" }],
      managed: true,
      interpreter: {
        preferOwnNode: false,
        names: ["quickjs"],
        directories: [scratch],
        probe: ["-p", "JSON.stringify({version: process.versions.node, executable: process.execPath})"],
      },
      command: ["{interpreter}", "/var/runtime/main.js"],
      mounts: [{ host: "{runtimes}/quick", sandbox: "/var/runtime" }],
      environmentVariables: { AWS_EXECUTION_ENV: "AWS_Lambda_{identifier}" },
      install: [{ needs: "no-such-tool", command: "x" }, { command: "fetch quick{line}" }],
    };
    const file = join(runtimesDirectory, "quick", "manifest.json");
    await writeFile(file, JSON.stringify(manifest));
    const catalogue = await discoverRuntimes({ ...base, runtimesDirectory, environment: bare });
    const quick = catalogue.find("quick24.x");
    assert.deepEqual(quick?.program, {
      command: ["/var/lang/bin/quickjs", "/var/runtime/main.js"],
      mounts: [
        { hostPath: join(scratch, "quickjs"), sandboxPath: "/var/lang/bin/quickjs" },
        { hostPath: join(runtimesDirectory, "quick"), sandboxPath: "/var/runtime" },
      ],
    });
    assert.deepEqual(quick?.environmentVariables, { AWS_EXECUTION_ENV: "AWS_Lambda_quick24.x" });

    await rm(join(scratch, "quickjs"));
    const without = await discoverRuntimes({ ...base, runtimesDirectory, environment: bare });
    assert.equal(without.find("quick24.x"), undefined);
    assert.match(without.missingAdvice("quick24.x"), /Install it with `lambent runtime install quick24.x`/);

    await writeFile(file, JSON.stringify({ ...manifest, surprise: true }));
    await assert.rejects(
      discoverRuntimes({ ...base, runtimesDirectory, environment: bare }),
      /manifest[.]json.*surprise/s,
    );
  });

  test("an older line stands in where it may, and is marked; a look again sees what has come and gone", async () => {
    const runtimesDirectory = join(scratch, "older");
    const machine = join(scratch, "machine");
    await mkdir(join(runtimesDirectory, "quick"), { recursive: true });
    await mkdir(machine);
    const manifest = {
      runtimes: [{ identifier: "quick99.x", line: "99", olderLine: process.versions.node.split(".")[0] }],
      managed: true,
      interpreter: {
        preferOwnNode: false,
        names: ["quickjs"],
        directories: [machine],
        probe: ["-p", "JSON.stringify({version: process.versions.node, executable: process.execPath})"],
      },
      command: ["{interpreter}"],
      mounts: [],
      environmentVariables: {},
      install: [{ byHand: true, command: "fetch quick{line}" }],
    };
    await writeFile(join(runtimesDirectory, "quick", "manifest.json"), JSON.stringify(manifest));
    const options = { ...base, runtimesDirectory, environment: bare };
    const catalogue = await discoverRuntimes(options);
    let changes = 0;
    catalogue.onChanged(() => changes++);
    assert.equal(catalogue.find("quick99.x"), undefined);
    await copyFile(process.execPath, join(machine, "quickjs"));
    await catalogue.refresh();
    const found = catalogue.find("quick99.x");
    assert.deepEqual([found?.version, found?.isOlder], [process.versions.node, true]);
    const strict = await discoverRuntimes({ ...options, allowOlder: false });
    assert.equal(strict.find("quick99.x"), undefined);
    assert.match(strict.missingAdvice("quick99.x"), /stands in when the setting allowOlderRuntimes is true/);

    const pin = { versionHash: "0".repeat(64), required: false };
    assert.equal(catalogue.find("quick99.x", pin), found);
    assert.equal(catalogue.find("quick99.x", { ...pin, required: true }), undefined);
    assert.match(
      catalogue.missingAdvice("quick99.x", { ...pin, required: true }),
      /is not on this machine any more/,
    );
    await rm(join(machine, "quickjs"));
    await catalogue.refresh();
    assert.equal(catalogue.find("quick99.x"), undefined);
    await catalogue.refresh();
    assert.equal(changes, 2);
  });

  test("one program may run several versions of its language, and lie in a directory of its own", async () => {
    const runtimesDirectory = join(scratch, "several");
    const machine = join(scratch, "several-machine");
    for (const directory of [join(runtimesDirectory, "several"), machine])
      await mkdir(directory, { recursive: true });
    await copyFile(process.execPath, join(machine, "several"));
    const facts = {
      executable: join(machine, "several"),
      prefix: machine,
      ownPrefix: true,
      prefixIsBin: true,
    };
    const versions = ["8.0.11", "10.0.1", "11.0.0"].map((version) => ({ version, ...facts }));
    const answer = [...versions, { version: "9.0.0", ...facts, stable: false }];
    const manifest = {
      runtimes: ["9", "8", "10"].map((line) => ({ identifier: `several${line}`, line })),
      managed: true,
      interpreter: {
        preferOwnNode: false,
        names: ["several"],
        directories: [machine],
        probe: ["-e", `console.log(${JSON.stringify(JSON.stringify(answer))})`],
      },
      command: ["{interpreter}"],
      mounts: [],
      environmentVariables: {},
      install: [],
    };
    await writeFile(join(runtimesDirectory, "several", "manifest.json"), JSON.stringify(manifest));
    const catalogue = await discoverRuntimes({ ...base, runtimesDirectory, environment: bare });
    assert.deepEqual(
      catalogue.list().map(({ identifier, version }) => [identifier, version]),
      [
        ["several8", "8.0.11"],
        ["several10", "10.0.1"],
      ],
    );
    assert.deepEqual(catalogue.find("several8")?.program, {
      command: ["/var/lang/bin/several"],
      mounts: [{ hostPath: machine, sandboxPath: "/var/lang/bin" }],
    });
  });

  test("a Java is found by its home, and appears with it as the language's directory", async (t) => {
    const catalogue = await discoverRuntimes({ ...base, environment: bare });
    const java = catalogue.list().find(({ identifier }) => /^java\d+$/.test(identifier));
    if (!skipUnless(t, java !== undefined, "there is no Java", "apt-get install default-jdk-headless"))
      return;
    assert.ok(java);
    assert.match(java.version, new RegExp(`^${java.identifier.slice("java".length)}[.]`));
    const line = java.identifier.slice("java".length);
    assert.deepEqual(java.program.command.slice(-2), ["/var/lang/bin/java", line]);
    const [home] = java.program.mounts;
    assert.equal(home?.sandboxPath, "/var/lang");
    assert.ok(existsSync(join(home.hostPath, "bin/java")), home.hostPath);
    for (const absent of ["java11", "java17", "java21", "java25"].filter((name) => !catalogue.find(name)))
      assert.match(catalogue.missingAdvice(absent), new RegExp(`^No interpreter for ${absent} was found`));
  });

  test("advice names the runtimes there are when asked for one that is unknown", async () => {
    const catalogue = await discoverRuntimes({ ...base, environment: bare });
    assert.match(
      catalogue.missingAdvice("java8.al2"),
      /does not have the runtime java8[.]al2; it has .*nodejs24[.]x/,
    );
    assert.equal(catalogue.missingAdvice("nodejs24.x"), "nodejs24.x is installed.");
  });
});
