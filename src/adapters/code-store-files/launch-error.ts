import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

const ELF_MAGIC = 0x7f454c46;
const MACHINE_OFFSET = 18;
const HEADER_BYTES = 20;
/** The longest first line of a script that the kernel reads. */
const LINE_BYTES_MAX = 256;
/** ELF's numbers of the processors. */
const MACHINES: Readonly<Record<string, number>> = { x64: 0x3e, arm64: 0xb7 };
/** Where only a sandbox has its own files, so that nothing can be said of them here. */
const INSIDE_ONLY = /^\/(var\/(lang|runtime|task)|tmp)\//;

/**
 * Why the kernel would refuse to execute a file of a layer, in its words; undefined when nothing speaks against it.
 * `layers` is what stands at /opt. A shell or a C library would try some of them as shell scripts.
 */
export async function launchError(path: string, layers: string): Promise<string | undefined> {
  const file = await open(path);
  try {
    if (((await file.stat()).mode & 0o111) === 0) return "permission denied";
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LINE_BYTES_MAX), 0, LINE_BYTES_MAX, 0);
    const interpreter = /^#![ \t]*([^ \t\n\0]+)/.exec(buffer.toString("utf8", 0, bytesRead))?.[1];
    if (interpreter !== undefined)
      return isThere(interpreter, layers) ? undefined : "no such file or directory";
    return isForThisMachine(buffer, bytesRead) ? undefined : "exec format error";
  } finally {
    await file.close();
  }
}

function isThere(interpreter: string, layers: string): boolean {
  if (interpreter.startsWith("/opt/")) return existsSync(join(layers, interpreter.slice("/opt/".length)));
  return INSIDE_ONLY.test(interpreter) || existsSync(interpreter);
}

function isForThisMachine(header: Buffer, bytesRead: number): boolean {
  if (bytesRead < HEADER_BYTES || header.readUInt32BE(0) !== ELF_MAGIC) return false;
  const machine = MACHINES[process.arch];
  return machine === undefined || header.readUInt16LE(MACHINE_OFFSET) === machine;
}
