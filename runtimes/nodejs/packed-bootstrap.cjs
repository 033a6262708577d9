"use strict";

/**
 * Takes the place of `bootstrap.cjs` in a pack that `make-pack.cjs` has made: all of the client in one file, with V8's
 * compiled code beside it. V8 refuses compiled code when NODE_OPTIONS or a wrapper have given it other flags; the client is
 * then compiled from its source.
 */
const { readFileSync } = process.getBuiltinModule("node:fs");
const { Script } = process.getBuiltinModule("node:vm");

const file = `${__dirname}/client.js`;
const script = new Script(readFileSync(file, "latin1"), {
  filename: file,
  cachedData: readFileSync(`${__dirname}/client.cache`),
});
script.runInThisContext()(__dirname);
