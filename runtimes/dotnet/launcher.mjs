/**
 * Entry point of the .NET runtimes, run by Lambent's own Node: hands the listeners over, waits for its assignment where
 * it was started to wait, and becomes the `dotnet` whose path is the first argument.
 */
import { awaitFunction } from "../provided/await-function.mjs";
import {
  becomeProgram,
  takeTelemetryDescriptor,
  telemetryAsStandardInput,
} from "../provided/become-program.mjs";
import { executableFault } from "../provided/executable-check.mjs";
import { functionProgram, StartFault } from "./function-program.mjs";
import { globalizationSettings } from "./globalization.mjs";

const [dotnet] = process.argv.slice(2);
await awaitFunction();

const program = programOrExit();
const { env } = process;
const telemetry = takeTelemetryDescriptor();
const isTelemetry = telemetry !== undefined && telemetryAsStandardInput(telemetry);
// A program that brings its own client of the Runtime API finds the pipe as AWS's runtimes name it.
if (isTelemetry && program.bringsItsClient) env._LAMBDA_TELEMETRY_LOG_FD = "0";
const command = [...program.command, ...(program.bringsItsClient ? [] : clientParameters(isTelemetry))];
// AWS: the wrapper gets the runtime's command line as its arguments and is expected to run it.
const wrapped = env.AWS_LAMBDA_EXEC_WRAPPER ? [env.AWS_LAMBDA_EXEC_WRAPPER, ...command] : command;
const fault = executableFault(wrapped[0]);
if (fault !== undefined) exitWith(`${wrapped[0]}: ${fault}`, 127);
becomeProgram(wrapped[0], wrapped.slice(1), { ...globalizationSettings(dotnet), ...env });

function clientParameters(telemetryOnStandardInput) {
  return [...(telemetryOnStandardInput ? ["--telemetry-on-stdin"] : []), env._HANDLER ?? ""];
}

function programOrExit() {
  try {
    return functionProgram(dotnet, process.env);
  } catch (error) {
    if (!(error instanceof StartFault)) throw error;
    exitWith(`Error: ${error.message}`, error.exitStatus);
  }
}

function exitWith(message, status) {
  process.stderr.write(`${message}\n`);
  process.exit(status);
}
