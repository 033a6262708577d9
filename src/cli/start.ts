import { configurationOfThisProcess, type Flags, lambentVersion } from "../config.ts";
import { banner } from "./banner.ts";
import { reportFailure } from "./report-failure.ts";

/**
 * One Ctrl-C may arrive twice, from the terminal and through npm or the launcher; only a signal after this time
 * is a second wish.
 */
const REPEATED_SIGNAL_MS = 1_000;
/** What a shell reports for a program ended by Ctrl-C. */
const FORCED_EXIT_CODE = 130;

/** Calls `stop` at the first signal and `force` at the next one. */
function onStopSignals(stop: () => void, force: () => void): void {
  let firstAtMs: number | undefined;
  const receive = (): void => {
    const nowMs = performance.now();
    if (firstAtMs === undefined) {
      firstAtMs = nowMs;
      stop();
    } else if (nowMs - firstAtMs >= REPEATED_SIGNAL_MS) force();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, receive);
}

function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
}

/**
 * `lambent start`: runs until a signal, then drains. Progress and the banner go to standard output, Lambent's own
 * log to standard error.
 */
export async function start(flags: Flags): Promise<void> {
  const configuration = configurationOfThisProcess(flags);
  const { prepareProcess } = await import("../process-preparation.ts");
  prepareProcess(configuration);
  ignoreClosedOutput();
  const stopped = Promise.withResolvers<void>();
  onStopSignals(stopped.resolve, () => {
    console.error("lambent: not waiting any longer");
    process.exit(FORCED_EXIT_CODE);
  });
  // Loaded late, so that a wrong flag is answered at once.
  const main = await import("../main.ts");
  const lambent = await main.start(configuration, (line) => console.log(line));
  for (const line of banner({ ...lambent, version: lambentVersion(), configuration })) console.log(line);
  await stopped.promise;
  console.log("stopping: running invocations may finish; press Ctrl-C again to stop at once");
  try {
    await lambent.stop();
    process.exit(0);
  } catch (error) {
    process.exit(reportFailure(error));
  }
}
