import Module from "node:module";
import { RuntimeApiClient } from "./runtime-api-client.mjs";

/** The program keeps it over the assignment: which descriptor it is, only the program knows. */
const KEPT = "_LAMBDA_TELEMETRY_LOG_FD";

/**
 * Waits until this environment gets its function, and becomes what a process started for that function would be: with
 * its variables and nothing else in the environment, and, when `codeIsThere` has resolved, in the directory that shows its
 * code since. Resolves with the client whose connection goes on to the Runtime API.
 */
export function takeAssignment() {
  return new Promise((resolve, reject) => {
    const client = new RuntimeApiClient(process.env.AWS_LAMBDA_RUNTIME_API);
    const { HOME } = process.env;
    const codeIsThere = client.assignment(({ environmentVariables }) => {
      replaceEnvironment(environmentVariables);
      // NODE_PATH is the same in all that wait.
      if (process.env.HOME !== HOME) Module._initPaths();
      resolve({ client, codeIsThere: codeIsThere.then(() => process.chdir("/var/task")) });
    });
    codeIsThere.catch(reject);
  });
}

function replaceEnvironment(variables) {
  const kept = process.env[KEPT];
  for (const name of Object.keys(process.env)) {
    if (!Object.hasOwn(variables, name)) delete process.env[name];
  }
  for (const [name, value] of Object.entries(variables)) {
    if (process.env[name] !== value) process.env[name] = value;
  }
  if (kept !== undefined) process.env[KEPT] = kept;
}
