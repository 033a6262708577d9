import type { Clock } from "../ports/clock.ts";

const LOOK_EVERY_MS = 2_000;
/** Looks in which a question stays unanswered. Counted, not measured: whoever was itself stopped meanwhile looks once. */
const LOOKS_IN_VAIN = 5;

export interface WatchedAnswers {
  readonly clock: Clock;
  /** Rejects when nobody can answer any more; that is somebody else's to notice. */
  readonly ask: () => Promise<unknown>;
  /** Called once; nothing is asked afterwards. */
  readonly silent: () => void;
}

/** Asks again and again, and tells when no answer has come for some ten seconds. The returned function ends it. */
export function watchAnswers({ clock, ask, silent }: WatchedAnswers): () => void {
  let inVain = 0;
  let isAsking = false;
  let cancel: () => void;
  const look = (): void => {
    if (isAsking) {
      inVain++;
      if (inVain >= LOOKS_IN_VAIN) {
        silent();
        return;
      }
    } else {
      inVain = 0;
      isAsking = true;
      const answered = (): void => {
        isAsking = false;
      };
      ask().then(answered, answered);
    }
    cancel = clock.after(LOOK_EVERY_MS, look);
  };
  cancel = clock.after(LOOK_EVERY_MS, look);
  return () => cancel();
}
