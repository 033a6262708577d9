/**
 * A data-plane process: started by the main process with its number, the socket of the main process and the kind of
 * isolation. It ends with the main process, whatever becomes of that.
 */
import type { Configuration } from "./config.ts";
import { prepareDataPlaneProcess } from "./process-preparation.ts";

const [number, socketPath = "", isolation] = process.argv.slice(2);

prepareDataPlaneProcess({ isolation: isolation as Configuration["isolation"] });
// A signal for all processes of a terminal is the main one's to answer.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
// Loaded late: the preparation may replace this process by itself.
const { runDataPlaneProcess } = await import("./wiring/data-plane-process.ts");
runDataPlaneProcess(Number(number), socketPath);
