"use strict";

/** In the command of a runtime's line (manifest.json), and on AWS. */
const HEAP_FLAG = /^--max-(semi|old)-space-size=/;

/**
 * AWS: its Node.js is started with room for young and old objects in proportion to the function's memory, and tells it to child processes
 * by `process.execArgv`, as here. What this process was started with is the same for functions of every size, since it is
 * started before it has one; its memory is limited by its control group.
 */
function tellHeapFlags(memoryMb = Number(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE)) {
  if (!(memoryMb > 0)) return;
  const { execArgv } = process;
  const youngMb = Math.floor(memoryMb / 10);
  const others = execArgv.filter((flag) => !HEAP_FLAG.test(flag));
  const flags = [
    `--max-semi-space-size=${Math.floor(youngMb / 2)}`,
    `--max-old-space-size=${memoryMb - youngMb}`,
  ];
  execArgv.splice(0, execArgv.length, ...others, ...flags);
}

module.exports = { tellHeapFlags };
