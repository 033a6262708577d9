import { closeSync, constants, openSync, rmSync } from "node:fs";
import { chown, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { SandboxHelper } from "./helper/sandbox-helper.ts";
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

/** Whose pipes they are, and who makes them. */
export interface PipeMaker {
  readonly owner: UnprivilegedUser | undefined;
  /** Undefined: a program is started for it. */
  readonly helper: SandboxHelper | undefined;
}

async function makePipes(paths: readonly string[], { owner, helper }: PipeMaker): Promise<void> {
  if (helper !== undefined) return void (await helper.ask("pipes", String(owner ?? ""), ...paths));
  await runCommand("mkfifo", "-m", "0600", ...paths);
  if (owner !== undefined) await Promise.all(paths.map((path) => chown(path, owner, owner)));
}

/**
 * Makes pipes. Node would give a child sockets for its output, and those cannot be opened again by name: `echo >
 * /dev/stderr` in a script would fail. The names are gone when this resolves.
 */
export async function makeOutputPipes(
  directory: string,
  names: readonly PipeName[],
  maker: PipeMaker,
): Promise<OutputPipe[]> {
  const paths = names.map(({ name }) => join(directory, name));
  try {
    await makePipes(paths, maker);
    return paths.map((path, index) => openBothEnds(path, names[index]?.outlivesReader === true));
  } finally {
    for (const path of paths) rmSync(path, { force: true });
  }
}

/** A pipe from this process to a sandbox. */
export interface InputPipe {
  readonly writer: Writable;
  /** For the child; close it here once the child has it. */
  readonly readDescriptor: number;
}

/** Makes a pipe whose name is gone when this resolves. */
export async function makeInputPipe(directory: string, name: string, maker: PipeMaker): Promise<InputPipe> {
  const path = join(directory, name);
  try {
    await makePipes([path], maker);
    const readDescriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const fd = openSync(path, constants.O_WRONLY);
      return { writer: new Socket({ fd, readable: false, writable: true }), readDescriptor };
    } catch (error) {
      closeSync(readDescriptor);
      throw error;
    }
  } finally {
    rmSync(path, { force: true });
  }
}

/** A pipe that a sandbox finds by its name. */
export interface NamedPipe {
  readonly path: string;
  readonly reader: Readable;
  /** Takes the name away; the reader ends when nobody in the sandbox has it open any more. */
  release(): Promise<void>;
}

export async function makeNamedPipe(path: string, maker: PipeMaker): Promise<NamedPipe> {
  try {
    await makePipes([path], maker);
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
