import { constants } from "node:fs";
import { access, lstat, open } from "node:fs/promises";
import { join } from "node:path";

const HEAD_BYTES = 4_096;
const ELF_MAGIC = "\x7fELF\x02\x01";
const ELF_MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };
const PT_INTERP = 3;
const PROGRAM_HEADER_BYTES = 40;
/** Where interpreters are that the sandbox has from the host. */
const SHARED_INTERPRETER = /^\/(usr|bin|lib|lib64)\/(?!.*\/\.\.\/)/;

/** Host directories as a sandbox shows them. */
export interface ShownDirectories {
  readonly codeDirectory: string;
  readonly layersDirectory?: string | undefined;
}

/**
 * The first of the paths that is a file, if the kernel would execute it: an ELF file for this machine or a script, whose
 * interpreter the host has. Undefined when it is anything else, or when that cannot be told from outside.
 */
export async function ownProgram(
  paths: readonly string[],
  shown: ShownDirectories,
): Promise<string | undefined> {
  for (const path of paths) {
    const file = onHost(path, shown);
    if (file === undefined) continue;
    const status = await lstat(file).catch(() => undefined);
    if (status === undefined || status.isDirectory()) continue;
    return status.isFile() && (await wouldStart(file, status.mode)) ? path : undefined;
  }
  return undefined;
}

function onHost(path: string, { codeDirectory, layersDirectory }: ShownDirectories): string | undefined {
  if (path.startsWith("/var/task/")) return join(codeDirectory, path.slice("/var/task/".length));
  if (!path.startsWith("/opt/") || layersDirectory === undefined) return undefined;
  return join(layersDirectory, path.slice("/opt/".length));
}

async function wouldStart(file: string, mode: number): Promise<boolean> {
  if ((mode & constants.S_IXOTH) === 0) return false;
  const interpreter = interpreterOf(await readHead(file));
  if (interpreter === "") return true;
  if (interpreter === undefined || !SHARED_INTERPRETER.test(interpreter)) return false;
  return access(interpreter, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(HEAD_BYTES) });
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The program that runs the file; "" for none; undefined: it is no executable. */
function interpreterOf(head: Buffer): string | undefined {
  if (head.toString("latin1", 0, 2) === "#!")
    return /^#![ \t]*([^ \t\n]+)/.exec(head.toString("latin1"))?.[1];
  if (head.length < 64 || head.toString("latin1", 0, ELF_MAGIC.length) !== ELF_MAGIC) return undefined;
  return head.readUInt16LE(18) === ELF_MACHINES[process.arch] ? elfInterpreter(head) : undefined;
}

/** From the PT_INTERP program header of a 64-bit little-endian ELF file; undefined when it is not in the head. */
function elfInterpreter(head: Buffer): string | undefined {
  const tableOffset = Number(head.readBigUInt64LE(32));
  const entryBytes = head.readUInt16LE(54);
  const entries = head.readUInt16LE(56);
  for (let index = 0; index < entries; index++) {
    const entry = tableOffset + index * entryBytes;
    if (entry + PROGRAM_HEADER_BYTES > head.length) return undefined;
    if (head.readUInt32LE(entry) !== PT_INTERP) continue;
    const offset = Number(head.readBigUInt64LE(entry + 8));
    const length = Number(head.readBigUInt64LE(entry + 32));
    return offset + length <= head.length ? head.toString("latin1", offset, offset + length - 1) : undefined;
  }
  return "";
}
