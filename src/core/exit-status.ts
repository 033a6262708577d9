/** Linux's signals that end a process, by number. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  10: "SIGUSR1",
  11: "SIGSEGV",
  12: "SIGUSR2",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  31: "SIGSYS",
};
/** A shell tells of a program that signal n has ended as of the status 128 + n. */
const SIGNAL_STATUS = 128;

/** How a program has ended, from the status that a shell has for it. */
export function exitOfStatus(status: number): {
  readonly code: number | null;
  readonly signal: string | null;
} {
  const signal = SIGNALS[status - SIGNAL_STATUS];
  return signal === undefined ? { code: status, signal: null } : { code: null, signal };
}
