import Module from "node:module";
import { RuntimeApiClient } from "./runtime-api-client.mjs";

/** The program keeps it over the assignment: which descriptor it is, only the program knows. */
const KEPT = "_LAMBDA_TELEMETRY_LOG_FD";

/**
 * Waits until this environment gets its function, and becomes what a process started for that function would be: with
 * its variables and nothing else in the environment, in the directory that shows its code since. Returns the client
 * whose connection goes on to the Runtime API.
 */
export async function takeAssignment() {
  const client = new RuntimeApiClient(process.env.AWS_LAMBDA_RUNTIME_API);
  const { environmentVariables } = await client.assignment();
  replaceEnvironment(environmentVariables);
  process.chdir("/var/task");
  Module._initPaths();
  return client;
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
