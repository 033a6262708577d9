import { connect, type Socket } from "node:net";

/** Whose requests come on a connection to the main process; known to be true, as only data-plane processes can connect. */
export type Announcement =
  | { readonly kind: "channel"; readonly process: number }
  /** A client of the public port. */
  | {
      readonly kind: "client";
      readonly remoteAddress: string | undefined;
      readonly remotePort: number | undefined;
    }
  /** A function, from inside one of its environments. */
  | { readonly kind: "function"; readonly identity: AnnouncedEnvironment };

export interface AnnouncedFunction {
  readonly account: string;
  readonly region: string;
  readonly roleArn: string;
  readonly functionName: string;
}

/** The environment that a connection comes from, which no other has the id of. */
export interface AnnouncedEnvironment extends AnnouncedFunction {
  readonly environment: string;
}

const NEWLINE = 10;
/** Far more than an announcement has. */
const ANNOUNCEMENT_BYTES_MAX = 16_384;

/** Connects to the main process and says first whose requests follow. */
export function connectAnnounced(socketPath: string, announcement: Announcement): Socket {
  const socket = connect(socketPath);
  socket.write(`${JSON.stringify(announcement)}\n`);
  return socket;
}

/** Reads who a connection announces; what follows is left in it. Connections that announce nothing are ended. */
export function acceptAnnounced(socket: Socket, accept: (announcement: Announcement) => void): void {
  let read = Buffer.alloc(0);
  const fail = (): void => {
    socket.destroy();
  };
  const take = (chunk: Buffer): void => {
    read = Buffer.concat([read, chunk]);
    const end = read.indexOf(NEWLINE);
    if (end < 0) {
      if (read.length > ANNOUNCEMENT_BYTES_MAX) fail();
      return;
    }
    socket.off("data", take);
    socket.off("error", fail);
    socket.pause();
    let announcement: Announcement;
    try {
      announcement = JSON.parse(read.subarray(0, end).toString()) as Announcement;
    } catch {
      fail();
      return;
    }
    if (end + 1 < read.length) socket.unshift(read.subarray(end + 1));
    accept(announcement);
    socket.resume();
  };
  socket.on("error", fail);
  socket.on("data", take);
}
