/** Where the output of functions goes. Implementations buffer; writing never waits and never throws. */
export interface LogSink {
  /**
   * Opens a log stream of a log group, creating both when absent. `firstLine` of a new group's first stream is
   * written by the sink itself (the notice that an environment does not isolate, for instance).
   */
  open(stream: LogStreamReference): LogStreamWriter;
}

export interface LogStreamReference {
  readonly account: string;
  readonly region: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
}

export interface LogStreamWriter {
  /** One log event, with the trailing newline where AWS has one. */
  write(timestampMs: number, message: string): void;
}
