/**
 * Entry point of the Java runtimes, run by Lambent's own Node: a JVM cannot pass a socket to another process. Hands the
 * listeners over and then becomes the JVM whose path is the first argument, of the line that is the second. With
 * LAMBENT_RESERVE=1 the JVM waits for its assignment to a function.
 */
import { join } from "node:path";
import { handOverListeners } from "../nodejs/hand-over.cjs";
import {
  becomeProgram,
  takeTelemetryDescriptor,
  telemetryAsStandardInput,
} from "../provided/become-program.mjs";
import { executableFault } from "../provided/executable-check.mjs";
import { jvmOptions } from "./jvm-options.mjs";
import { startedJvmOptions } from "./started-jvm.mjs";
import { waitingJvmOptions } from "./waiting-jvm.mjs";

const [java, line] = process.argv.slice(2);
const waits = process.env.LAMBENT_RESERVE === "1";
await handOverListeners();

const telemetry = takeTelemetryDescriptor();
const isTelemetry = telemetry !== undefined && telemetryAsStandardInput(telemetry);
const memoryMb = Number(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE);
const jar = join(import.meta.dirname, "lambent-java-runtime.jar");
if (!(memoryMb > 0)) {
  process.stderr.write("AWS_LAMBDA_FUNCTION_MEMORY_SIZE is missing: a JVM's heap is set when it starts.\n");
  process.exit(1);
}
const toolOptions = process.env.JAVA_TOOL_OPTIONS ?? "";
const command = [
  java,
  ...jvmOptions(memoryMb, toolOptions),
  ...(isTelemetry ? ["-Dlambent.telemetry=stdin"] : []),
  ...(waits || toolOptions !== "" ? [] : startedJvmOptions(Number(line), process.env)),
  "-cp",
  jar,
  ...(waits ? waitingJvmOptions(jar, Number(line)) : ["lambent.runtime.Main"]),
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
