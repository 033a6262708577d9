"use strict";

const { prepareCodeCache } = require("./code-cache.cjs");
const { runtimeError } = require("./errors.cjs");
const { importModule } = require("./imports.cjs");
const { adviseOnMissingSdk, searchNodePath } = require("./package-search.cjs");
const { isStreaming } = require("./streaming-handler.cjs");

const { readFileSync, statSync } = process.getBuiltinModule("node:fs");
const { createRequire } = process.getBuiltinModule("node:module");
const path = process.getBuiltinModule("node:path");
const { pathToFileURL } = process.getBuiltinModule("node:url");

/** AWS: what requires the function is called so in a "Require stack", and in its `module.parent`. */
const requireCode = createRequire("/var/runtime/index.mjs");
const EXTENSIONS = ["", ".js", ".mjs", ".cjs"];
const FIRST_LINE_WITHOUT_CALLBACKS = 24;

/**
 * Loads the function that `handler` ("path/file.export", the export possibly nested) names below `taskRoot`.
 * Rejects with the error to report as the initialisation's; names and texts are those of aws-lambda-ric 4.
 */
async function loadHandler(taskRoot, handler) {
  if (handler.includes("..")) {
    throw runtimeError(
      "MalformedHandlerName",
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const lastPart = path.basename(handler);
  const parts = /^([^.]*)\.(.*)$/.exec(lastPart);
  if (parts === null) throw runtimeError("MalformedHandlerName", "Bad handler");
  const directory = handler.slice(0, handler.indexOf(lastPart)).replace(/\/$/, "");
  const module = await loadModule(taskRoot, directory, parts[1]);
  const found = walk(module, parts[2]) ?? walk(module?.default, parts[2]);
  if (!found) throw runtimeError("HandlerNotFound", `${handler} is undefined or not exported`);
  if (typeof found !== "function") throw runtimeError("HandlerNotFound", `${handler} is not a function`);
  refuseUnsupported(found);
  return found;
}

async function loadModule(taskRoot, directory, name) {
  const stem = path.resolve(taskRoot, directory, name);
  try {
    const file = EXTENSIONS.map((extension) => stem + extension).find(isFile);
    await prepareCodeCache(file !== undefined && !isRequired(file));
    searchNodePath();
    if (file !== undefined) return await loadFile(file);
    return requireCode(requireCode.resolve(name, { paths: [taskRoot, path.join(taskRoot, directory)] }));
  } catch (error) {
    adviseOnMissingSdk(error);
    if (error instanceof SyntaxError) throw runtimeError("UserCodeSyntaxError", String(error), error.stack);
    if (error instanceof Error && error.code === "MODULE_NOT_FOUND") {
      throw runtimeError("ImportModuleError", String(error));
    }
    throw error;
  }
}

/**
 * AWS: what is not said to be an ES module is required, not imported. An import would read a CommonJS source once more,
 * for the names it exports.
 */
async function loadFile(file) {
  if (isRequired(file)) {
    try {
      return requireCode(file);
    } catch (error) {
      // An ES module by its syntax, with a top-level await.
      if (error?.code !== "ERR_REQUIRE_ASYNC_MODULE") throw error;
    }
  }
  return importModule(pathToFileURL(file).href);
}

function isRequired(file) {
  if (file.endsWith(".cjs")) return true;
  if (!file.endsWith(".js") || !process.features.require_module) return false;
  return packageType(path.dirname(file)) !== "module";
}

/** What the nearest package.json says of .js files. */
function packageType(directory) {
  const file = path.join(directory, "package.json");
  if (isFile(file)) return JSON.parse(readFileSync(file, "utf8")).type;
  const parent = path.dirname(directory);
  return parent === directory ? undefined : packageType(parent);
}

const isFile = (file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true;

function walk(start, names) {
  let value = start;
  for (const key of names.split(".")) {
    value = value !== null && typeof value === "object" ? value[key] : undefined;
  }
  return value;
}

function refuseUnsupported(handler) {
  if (isStreaming(handler)) return;
  // AWS: callback handlers ended with Node.js 24 ("Define Lambda function handler in Node.js", developer guide).
  if (handler.length >= 3 && !supportsCallbacks()) {
    throw runtimeError(
      "CallbackHandlerDeprecated",
      "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.",
    );
  }
}

/** Whether this interpreter's line still has handlers of the form (event, context, callback). */
const supportsCallbacks = () => Number.parseInt(process.versions.node, 10) < FIRST_LINE_WITHOUT_CALLBACKS;

module.exports = { loadHandler, supportsCallbacks };
