import { closeSync, constants, openSync } from "node:fs";
import { chown, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { runCommand } from "./run-command.ts";
import type { UnprivilegedUser } from "./unprivileged-users.ts";

/** A pipe from a sandbox to this process. */
export interface OutputPipe {
  readonly reader: Readable;
  /** For the child; close it here once the child has it. */
  readonly writeDescriptor: number;
}

/** What a pipe is to be called. `outlivesReader`: writing to it goes on working when this process has died. */
export interface PipeName {
  readonly name: string;
  readonly outlivesReader?: boolean;
}

/**
 * Makes pipes. Node would give a child sockets for its output, and those cannot be opened again by name: `echo >
 * /dev/stderr` in a script would fail. The names are gone when this resolves.
 */
export async function makeOutputPipes(
  directory: string,
  names: readonly PipeName[],
  owner: UnprivilegedUser | undefined,
): Promise<OutputPipe[]> {
  const paths = names.map(({ name }) => join(directory, name));
  await runCommand("mkfifo", "-m", "0600", ...paths);
  try {
    if (owner !== undefined) await Promise.all(paths.map((path) => chown(path, owner, owner)));
    return paths.map((path, index) => openBothEnds(path, names[index]?.outlivesReader === true));
  } finally {
    await Promise.all(paths.map((path) => rm(path, { force: true })));
  }
}

/** A pipe that a sandbox finds by its name. */
export interface NamedPipe {
  readonly path: string;
  readonly reader: Readable;
  /** Takes the name away; the reader ends when nobody in the sandbox has it open any more. */
  release(): Promise<void>;
}

export async function makeNamedPipe(path: string, owner: UnprivilegedUser | undefined): Promise<NamedPipe> {
  await runCommand("mkfifo", "-m", "0600", path);
  try {
    if (owner !== undefined) await chown(path, owner, owner);
    // Held open, so that the reader does not end before the first writer comes.
    const { reader, writeDescriptor } = openBothEnds(path, false);
    return {
      path,
      reader,
      release: async () => {
        closeSync(writeDescriptor);
        await rm(path, { force: true });
      },
    };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

function openBothEnds(path: string, outlivesReader: boolean): OutputPipe {
  // Without waiting for a writer; then there is a reader, and opening for writing does not wait either.
  const readDescriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // A descriptor that can be read as well is a reader itself, as long as it is open.
    const writeDescriptor = openSync(path, outlivesReader ? constants.O_RDWR : constants.O_WRONLY);
    return { reader: new Socket({ fd: readDescriptor, readable: true, writable: false }), writeDescriptor };
  } catch (error) {
    closeSync(readDescriptor);
    throw error;
  }
}
