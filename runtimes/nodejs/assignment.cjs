"use strict";

const { RuntimeApiClient } = require("./runtime-api-client.cjs");

const Module = process.getBuiltinModule("node:module");

/** The program keeps it over the assignment: which descriptor it is, only the program knows. */
const KEPT = "_LAMBDA_TELEMETRY_LOG_FD";
const REHEARSALS = 10;
const REHEARSED_VARIABLES = 12;

/**
 * Waits, with the rehearsal going on meanwhile, until this environment gets its function, and becomes what a process started for that function would be: with
 * its variables and nothing else in the environment, and, when `codeIsThere` has resolved, in the directory that shows its
 * code since. Resolves with the client whose connection goes on to the Runtime API.
 */
function takeAssignment(rehearsal = { stop: () => undefined }) {
  return new Promise((resolve, reject) => {
    const client = new RuntimeApiClient(process.env.AWS_LAMBDA_RUNTIME_API);
    const present = { ...process.env };
    const become = ({ environmentVariables }) => {
      replaceEnvironment(present, environmentVariables);
      // NODE_PATH is the same in all that wait.
      if (environmentVariables.HOME !== present.HOME) Module._initPaths();
      resolve({ client, codeIsThere: codeIsThere.then(() => process.chdir("/var/task")) });
    };
    const codeIsThere = client.assignment((assignment) => {
      const underWay = rehearsal.stop();
      if (underWay === undefined) become(assignment);
      else void underWay.then(() => become(assignment));
    });
    codeIsThere.catch(reject);
  });
}

/** `present` is what the environment holds: each look at process.env is a call into the C library. */
function replaceEnvironment(present, variables) {
  const { env } = process;
  for (const name of Object.keys(present)) {
    if (name !== KEPT && !Object.hasOwn(variables, name)) delete env[name];
  }
  for (const [name, value] of Object.entries(variables)) {
    if (name !== KEPT && present[name] !== value) env[name] = value;
  }
}

/** There and back again some times, so that it is compiled when it counts. */
function rehearseReplacement() {
  const present = { ...process.env };
  const names = Array.from({ length: REHEARSED_VARIABLES }, (_, index) => `LAMBENT_REHEARSAL_${index}`);
  const rehearsed = { ...present, ...Object.fromEntries(names.map((name) => [name, name])) };
  for (let round = 0; round < REHEARSALS; round++) {
    replaceEnvironment(present, JSON.parse(JSON.stringify(rehearsed)));
    replaceEnvironment(rehearsed, present);
  }
}

module.exports = { rehearseReplacement, takeAssignment };
