import { closeSync, openSync } from "node:fs";

/**
 * Replaces this process, Lambent's own Node, by another program, which finds nothing of Lambent's but the given
 * environment variables and standard input, output and error. Does not return; call `executableFault` before where the
 * program is not Lambent's own choice, because a failure aborts.
 */
export function becomeProgram(path, parameters, environment) {
  // Node ignores these two signals, and ignored signals stay ignored in the new program; handled ones are reset.
  for (const signal of ["SIGPIPE", "SIGXFSZ"]) process.on(signal, () => {});
  process.execve(path, [path, ...parameters], environment);
}

/** Takes the telemetry descriptor out of this process's variables; undefined when the platform gave none. */
export function takeTelemetryDescriptor() {
  const descriptor = process.env._LAMBDA_TELEMETRY_LOG_FD;
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  return descriptor === undefined ? undefined : Number(descriptor);
}

/**
 * Puts the telemetry pipe where standard input is, since no other descriptor outlives `becomeProgram`. False when it
 * cannot be opened again, as when it is a socket; standard input is /dev/null then.
 */
export function telemetryAsStandardInput(descriptor) {
  closeSync(0);
  try {
    // The lowest free descriptor is taken, which is the one just closed.
    return openSync(`/proc/self/fd/${descriptor}`, "w") === 0;
  } catch {
    openSync("/dev/null", "r");
    return false;
  } finally {
    closeSync(descriptor);
  }
}
