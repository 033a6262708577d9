import { accessSync, closeSync, constants, existsSync, openSync, readSync, statSync } from "node:fs";
import { endianness } from "node:os";

const HEAD_BYTES = 4096;
const ELF_MAGIC = "\x7fELF";
const ELF_MACHINES = { x64: 62, arm64: 183 };
const PT_INTERP = 3;

export const isRegularFile = (path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/**
 * Why the kernel would refuse to execute a file, in its own words; undefined when it would not. Asked before
 * process.execve, which does not return a failure but aborts.
 */
export function executableFault(path) {
  let head;
  try {
    accessSync(path, constants.X_OK);
    head = readHead(path);
  } catch {
    return "permission denied";
  }
  const interpreter = interpreterOf(head);
  if (interpreter === undefined) return "exec format error";
  return interpreter === "" || existsSync(interpreter) ? undefined : "no such file or directory";
}

function readHead(path) {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(file, head));
  } finally {
    closeSync(file);
  }
}

/** The program that runs the file: of a script or of a dynamically linked one; "" for none; undefined: no executable. */
function interpreterOf(head) {
  if (head.latin1Slice(0, 2) === "#!") {
    const line = head.toString("utf8", 2).split("\n", 1)[0].trim();
    return line.split(/[ \t]/, 1)[0] || undefined;
  }
  if (process.platform !== "linux") return "";
  if (head.length < 64 || head.latin1Slice(0, 4) !== ELF_MAGIC || head[4] !== 2 || endianness() !== "LE") {
    return undefined;
  }
  return head.readUInt16LE(18) === ELF_MACHINES[process.arch] ? elfInterpreter(head) : undefined;
}

/** Of a 64-bit little-endian ELF file, from its PT_INTERP program header. */
function elfInterpreter(head) {
  const tableOffset = Number(head.readBigUInt64LE(32));
  const entryBytes = head.readUInt16LE(54);
  const entries = head.readUInt16LE(56);
  for (let i = 0; i < entries; i++) {
    const entry = tableOffset + i * entryBytes;
    if (entry + 40 > head.length) break;
    if (head.readUInt32LE(entry) !== PT_INTERP) continue;
    const offset = Number(head.readBigUInt64LE(entry + 8));
    const length = Number(head.readBigUInt64LE(entry + 32));
    if (offset + length <= head.length) return head.latin1Slice(offset, offset + length - 1);
  }
  return "";
}
