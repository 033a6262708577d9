/** Another program that runs the same function, measured beside Lambent. */
export interface Peer {
  /** As it is called in tables and in JSON. */
  readonly name: string;
  /** What its figures are worth: what it keeps apart, what it can do at once. */
  readonly remark: string;
  /** Beyond this number of callers it refuses or fails. */
  readonly concurrencyMax: number;
  /** Installs it where that is needed and starts it with a Node function that answers "hello". Rejects with the reason. */
  start(): Promise<RunningPeer>;
}

export interface RunningPeer {
  /** POST goes here. */
  readonly url: string;
  stop(): Promise<void>;
}

/** What a function of every peer does. */
export const HELLO_HANDLER = 'exports.handler = async () => "hello";\n';
