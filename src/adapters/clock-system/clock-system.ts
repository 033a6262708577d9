import type { Clock } from "../../ports/clock.ts";

/** Longest delay that a Node timer can hold; a longer one would fire at once. */
const TIMER_DELAY_MS_MAX = 2 ** 31 - 1;

function after(delayMs: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    const stepMs = Math.min(Math.max(remainingMs, 0), TIMER_DELAY_MS_MAX);
    timer = setTimeout(() => (remainingMs > stepMs ? arm(remainingMs - stepMs) : callback()), stepMs);
    timer.unref();
  };
  arm(delayMs);
  return () => clearTimeout(timer);
}

function deadline(delayMs: number, callback: () => void): () => void {
  let turn: NodeJS.Immediate | undefined;
  const cancel = after(delayMs, () => {
    turn = setImmediate(callback);
  });
  return () => {
    cancel();
    clearImmediate(turn);
  };
}

/** The machine's own time. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after,
  deadline,
};
