/** The machine's monotonic clock at the origin of this process's, in milliseconds. */
const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Monotonic milliseconds of this process as every process of the machine understands them. */
export const processToMachineMs = (monotonicMs: number): number => monotonicMs + originMs;

/** The other way round. */
export const machineToProcessMs = (machineMs: number): number => machineMs - originMs;
