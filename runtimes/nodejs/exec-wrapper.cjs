"use strict";

const { accessSync, constants } = process.getBuiltinModule("node:fs");

const WRAPPED = "--wrapped";

/**
 * AWS: a script named by AWS_LAMBDA_EXEC_WRAPPER is started with the runtime's own command line as its arguments
 * ("Modifying the runtime environment" in the developer guide). It replaces this process and is expected to start the
 * runtime again. A wrapper that cannot be started ends the environment with exit status 127, as a shell would.
 */
function startWrapper() {
  const wrapper = process.env.AWS_LAMBDA_EXEC_WRAPPER;
  if (!wrapper || process.argv.includes(WRAPPED)) return;
  try {
    accessSync(wrapper, constants.X_OK);
  } catch {
    process.stderr.write(`${wrapper}: No such file or directory, or not executable\n`);
    process.exit(127);
  }
  if (process.execve === undefined) {
    process.stderr.write(
      `AWS_LAMBDA_EXEC_WRAPPER needs Node.js 22.15 or newer, this is ${process.version}\n`,
    );
    process.exit(127);
  }
  // Only standard input, output and error survive process.execve: log records go to standard output from here on.
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;
  process.execve(
    wrapper,
    [wrapper, process.execPath, ...process.execArgv, process.argv[1], WRAPPED],
    process.env,
  );
}

module.exports = { startWrapper };
