"use strict";

const { supportsCallbacks } = require("./handler-loader.cjs");

/**
 * Runs the handler on one event and resolves with its result or rejects with what it threw.
 * From Node.js 24 on a handler answers by what it returns; before that it may also use the callback.
 */
async function runHandler(handler, event, context) {
  return supportsCallbacks() ? runWithCallback(handler, event, context) : handler(event, context);
}

/**
 * AWS: the older contract (aws-lambda-ric 3). A result given to the callback is held back until the event loop is
 * empty, unless context.callbackWaitsForEmptyEventLoop is false; an event loop that runs empty without any result
 * answers null; a returned promise and context.succeed/fail/done answer at once. Whichever comes first counts, and
 * nothing after it.
 */
function runWithCallback(handler, event, context) {
  return new Promise((resolve, reject) => {
    let whenEmpty = () => resolve(null);
    const loopIsEmpty = () => whenEmpty();
    process.once("beforeExit", loopIsEmpty);
    const settle = (error, result) => {
      process.removeListener("beforeExit", loopIsEmpty);
      if (error === undefined || error === null) resolve(result);
      else reject(error);
    };
    let hasAnswered = false;
    const first = (answer) => (error, result) => {
      if (hasAnswered) return;
      hasAnswered = true;
      answer(error, result);
    };
    context.callbackWaitsForEmptyEventLoop = true;
    context.succeed = first((result) => settle(null, result));
    context.fail = first((error) => settle(error ?? "handled"));
    context.done = first(settle);
    const callback = first((error, result) => {
      const failed = error !== undefined && error !== null;
      if (failed || !context.callbackWaitsForEmptyEventLoop) settle(error, result);
      else whenEmpty = () => settle(null, result);
    });
    try {
      const returned = handler(event, context, callback);
      if (typeof returned?.then === "function") returned.then(context.succeed, context.fail);
    } catch (error) {
      context.fail(error);
    }
  });
}

module.exports = { runHandler };
