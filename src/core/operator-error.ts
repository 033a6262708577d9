/**
 * Something only the operator of this machine can mend: a port in use, a wrong setting, a locked data directory.
 * The command line prints `message` and `advice` without a stack trace.
 */
export class OperatorError extends Error {
  override name = "OperatorError";
  /** What to do next, a sentence or a command. */
  readonly advice: string;
  /** 2 for a wrong command line or configuration, 1 for everything else. */
  readonly exitCode: 1 | 2;

  constructor(message: string, advice: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.advice = advice;
    this.exitCode = exitCode;
  }
}
