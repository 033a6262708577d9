import type { Server } from "node:net";
import { openFilesMax } from "./open-files-max.ts";

/** Connections of one sandbox: Runtime clients have one or two, and extensions as many. */
const PER_LISTENER_MAX = { "runtime-api": 64, "aws-endpoint": 512 } as const;
/** However many others have, so that every sandbox can go on. */
const PER_LISTENER_MIN = 8;
/** Of this process's descriptors, for all connections from sandboxes. */
const DESCRIPTORS_SHARE = 0.5;
/** Of what is left of those, for one listener. */
const FREE_SHARE = 0.25;

/**
 * How many connections sandboxes may have to this process at a time. Each costs this process a descriptor, and a sandbox
 * can make a million of them. What one may have shrinks as the others have more, so that no number of sandboxes gets them all;
 * a connection beyond that is closed as soon as it is made.
 */
export class ConnectionAllowance {
  readonly #max: number;
  #open = 0;

  constructor(descriptorsMax = openFilesMax()) {
    this.#max = descriptorsMax * DESCRIPTORS_SHARE;
  }

  /** Call before anything is accepted. */
  limit(name: keyof typeof PER_LISTENER_MAX, server: Server): void {
    const adapt = (): void => {
      const share = Math.floor((this.#max - this.#open) * FREE_SHARE);
      server.maxConnections = Math.max(PER_LISTENER_MIN, Math.min(PER_LISTENER_MAX[name], share));
    };
    adapt();
    server.on("connection", (socket) => {
      this.#open++;
      adapt();
      socket.once("close", () => {
        this.#open--;
        adapt();
      });
    });
  }
}
