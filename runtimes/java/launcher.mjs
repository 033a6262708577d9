/**
 * Entry point of the Java runtimes, run by Lambent's own Node: a JVM cannot pass a socket to another process. Hands the
 * listeners over and then becomes the JVM whose path is the first argument.
 */
import { join } from "node:path";
import { handOverListeners } from "../nodejs/hand-over.mjs";
import {
  becomeProgram,
  takeTelemetryDescriptor,
  telemetryAsStandardInput,
} from "../provided/become-program.mjs";
import { executableFault } from "../provided/executable-check.mjs";
import { jvmOptions } from "./jvm-options.mjs";

await handOverListeners();

const [java] = process.argv.slice(2);
const telemetry = takeTelemetryDescriptor();
const isTelemetry = telemetry !== undefined && telemetryAsStandardInput(telemetry);
const memoryMb = Number(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE);
const command = [
  java,
  ...jvmOptions(memoryMb, process.env.JAVA_TOOL_OPTIONS ?? ""),
  ...(isTelemetry ? ["-Dlambent.telemetry=stdin"] : []),
  "-cp",
  join(import.meta.dirname, "lambent-java-runtime.jar"),
  "lambent.runtime.Main",
];
// AWS: the wrapper gets the runtime's command line as its arguments and is expected to run it.
const wrapper = process.env.AWS_LAMBDA_EXEC_WRAPPER;
const [program, ...parameters] = wrapper ? [wrapper, ...command] : command;
const fault = executableFault(program);
if (fault !== undefined) {
  process.stderr.write(`${program}: ${fault}\n`);
  process.exit(127);
}
// The locale that AWS names, en_US.UTF-8, is missing on many machines; a JVM reads variables as ASCII then.
becomeProgram(program, parameters, { LC_ALL: "C.UTF-8", ...process.env });
