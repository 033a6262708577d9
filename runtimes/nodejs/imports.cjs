"use strict";

const { createRequire } = process.getBuiltinModule("node:module");
const path = process.getBuiltinModule("node:path");

let loaded;

/** `import()`, by the file that is never packed; loaded when it is needed, and hidden like the rest of the client. */
function importModule(url) {
  loaded ??= load();
  return loaded.importModule(url);
}

function load() {
  const requireOurs = createRequire(__filename);
  const file = path.join(__dirname, "import-module.cjs");
  const module = requireOurs(file);
  delete requireOurs.cache[file];
  return module;
}

module.exports = { importModule };
