/** AWS: "Lambda attempts to run it two more times, with a one-minute wait … and two minutes". */
const FUNCTION_ERROR_DELAYS_MS = [60_000, 120_000] as const;
export const MAXIMUM_RETRY_ATTEMPTS_DEFAULT = FUNCTION_ERROR_DELAYS_MS.length;
export const MAXIMUM_EVENT_AGE_SECONDS_DEFAULT = 6 * 60 * 60;

const BACK_OFF_MIN_MS = 1_000;
const BACK_OFF_MAX_MS = 5 * 60_000;

/** How long an event waits after its function has failed; `attempts` counts that failure. */
export const functionErrorDelayMs = (attempts: number): number =>
  FUNCTION_ERROR_DELAYS_MS[attempts - 1] ?? FUNCTION_ERROR_DELAYS_MS[1];

/** AWS: "from 1 second after the first attempt to a maximum of 5 minutes", for throttles and system errors. */
export const backOffMs = (backOffs: number): number =>
  Math.min(BACK_OFF_MAX_MS, BACK_OFF_MIN_MS * 2 ** Math.min(30, Math.max(0, backOffs - 1)));
