/** One instruction of a classic BPF program, the language of seccomp filters (struct sock_filter). */
export interface Instruction {
  readonly code: number;
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly constant: number;
}

const LOAD_WORD_ABSOLUTE = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER_OR_EQUAL = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
/** Conditional jumps have eight bits for the distance. */
const JUMP_MAX = 255;
const INSTRUCTION_BYTES = 8;

function instruction(code: number, constant: number, jumpTrue = 0, jumpFalse = 0): Instruction {
  if (jumpTrue > JUMP_MAX || jumpFalse > JUMP_MAX)
    throw new RangeError("a BPF jump reaches 255 instructions");
  return { code, jumpTrue, jumpFalse, constant: constant >>> 0 };
}

/** Loads a word of the seccomp data at a byte offset. */
export function loadWord(offset: number): Instruction {
  return instruction(LOAD_WORD_ABSOLUTE, offset);
}

export function returnAction(action: number): Instruction {
  return instruction(RETURN, action);
}

/** Runs `block` when the loaded word equals `constant`; otherwise goes on behind it. */
export function whenEqual(constant: number, block: readonly Instruction[]): Instruction[] {
  return [instruction(JUMP_EQUAL, constant, 0, block.length), ...block];
}

/** Runs `block` unless the loaded word equals `constant`; otherwise goes on behind it. */
export function unlessEqual(constant: number, block: readonly Instruction[]): Instruction[] {
  return [instruction(JUMP_EQUAL, constant, block.length, 0), ...block];
}

/** Runs `block` when the loaded word has any of the bits; otherwise goes on behind it. */
export function whenAnyBit(bits: number, block: readonly Instruction[]): Instruction[] {
  return [instruction(JUMP_ANY_BIT, bits, 0, block.length), ...block];
}

/** Runs `block` when the loaded word is not less than `constant`; otherwise goes on behind it. */
export function whenAtLeast(constant: number, block: readonly Instruction[]): Instruction[] {
  return [instruction(JUMP_GREATER_OR_EQUAL, constant, 0, block.length), ...block];
}

/** Two complete alternatives, decided by `word >= constant`; both must end in a return. */
export function branchAtLeast(
  constant: number,
  atLeast: readonly Instruction[],
  less: readonly Instruction[],
): Instruction[] {
  return [instruction(JUMP_GREATER_OR_EQUAL, constant, less.length, 0), ...less, ...atLeast];
}

/** The program as the kernel reads it (both supported architectures are little-endian). */
export function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES);
  for (const [index, { code, jumpTrue, jumpFalse, constant }] of program.entries()) {
    const offset = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, offset);
    bytes.writeUInt8(jumpTrue, offset + 2);
    bytes.writeUInt8(jumpFalse, offset + 3);
    bytes.writeUInt32LE(constant, offset + 4);
  }
  return bytes;
}
