import { createServer, type Server } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 10;
/** A minute: each of many that start or end at once on a slow machine has its turn. */
const POLLS = 6_000;

/**
 * Takes a name for this process, or gives undefined when another process has it. Abstract Unix sockets belong to a
 * network namespace, as does what the names here stand for, and the kernel frees them with their process.
 */
export function tryLock(name: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((connection) => connection.destroy());
    server.once("error", () => resolve(undefined));
    server.listen(`\0${name}`, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Runs `action` while no other process runs one under the same name. */
export async function locked<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
  let lock = await tryLock(name);
  for (let poll = 0; lock === undefined; poll++) {
    if (poll === POLLS) throw new Error(`another process holds ${name}`);
    await delay(POLL_MS);
    lock = await tryLock(name);
  }
  try {
    return await action();
  } finally {
    lock.close();
  }
}
