"use strict";

/** An error whose type the caller sees with "Runtime." before it. */
function runtimeError(type, message, stack) {
  const error = new Error(message);
  error.name = `Runtime.${type}`;
  error.stack = stack ?? error.stack.replace(/^Error/, error.name);
  return error;
}

/**
 * What the Runtime API is told about anything that was thrown: { errorType, errorMessage, trace }.
 * AWS: values that are no Error are reported with their `typeof` and an empty trace (aws-lambda-ric 4).
 */
function errorPayload(thrown) {
  try {
    if (!(thrown instanceof Error)) {
      return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
    }
    return {
      errorType: withoutDelete(thrown.name),
      errorMessage: withoutDelete(thrown.message),
      trace: withoutDelete(thrown.stack)?.split("\n") ?? [],
    };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
      trace: [],
    };
  }
}

/** Anything thrown, as JSON for a line of the text log, with the error's own properties. */
function errorLogText(thrown) {
  const error = asError(thrown);
  try {
    return `\t${JSON.stringify(error, (_key, value) => (value instanceof Error ? withProperties(value) : value))}`;
  } catch {
    return `\t${JSON.stringify(errorPayload(error))}`;
  }
}

const asError = (thrown) => (thrown instanceof Error ? thrown : new Error(String(thrown)));

function withProperties(error) {
  const fields = { errorType: error.name, errorMessage: error.message, code: error.code, ...error };
  if (typeof error.stack === "string") fields.stack = error.stack.split("\n");
  return fields;
}

/** AWS: the ASCII character DEL is replaced in everything that is reported (aws-lambda-ric 4). */
const withoutDelete = (text) => text?.replaceAll("\x7F", "%7F");

module.exports = { runtimeError, errorPayload, errorLogText, asError };
