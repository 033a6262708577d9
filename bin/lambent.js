#!/usr/bin/env node
// Plain JavaScript on purpose: this file runs on whatever Node the machine has (20 or newer) and finds one that can
// run Lambent itself. Lambent needs Node 24; in a clone the package `node` brings it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const NEEDED_MAJOR = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** In a clone the TypeScript sources run as they are; an installed package brings them compiled. */
function programFile() {
  const source = join(root, "src", "cli", "main.ts");
  return existsSync(source) ? source : join(root, "dist", "cli", "main.js");
}

function bundledNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve("node/package.json");
    const binary = join(dirname(manifest), "bin", "node");
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

function replaceProcess(binary, program) {
  const parameters = [program, ...process.argv.slice(2)];
  // execve leaves one process instead of two; Node 20 does not have it.
  if (typeof process.execve === "function" && process.platform !== "win32") {
    process.removeAllListeners("warning");
    process.execve(binary, [binary, ...parameters], process.env);
  }
  const child = spawn(binary, parameters, { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`lambent: ${binary} could not be started: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

if (Number.parseInt(process.versions.node, 10) >= NEEDED_MAJOR) {
  await import(pathToFileURL(programFile()).href);
} else {
  const binary = bundledNode();
  if (binary === undefined) {
    process.stderr.write(
      `lambent: needs Node ${NEEDED_MAJOR} or newer, and this is Node ${process.versions.node}.\n` +
        "In a clone run `npm ci`, which brings Node 24 along; elsewhere install Node 24 (`npm install --global node@24`).\n",
    );
    process.exit(1);
  }
  replaceProcess(binary, programFile());
}
