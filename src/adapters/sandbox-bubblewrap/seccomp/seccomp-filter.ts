import { ALLOWED_SYSCALLS } from "./allowed-syscalls.ts";
import {
  assemble,
  branchAtLeast,
  type Instruction,
  loadWord,
  returnAction,
  unlessEqual,
  whenAnyBit,
  whenAtLeast,
  whenEqual,
} from "./bpf-assembler.ts";
import numbers from "./syscall-numbers.generated.json" with { type: "json" };

/** Architectures a filter exists for, in Node's words. */
export type FilterArchitecture = keyof typeof numbers;

type SyscallNumbers = Readonly<Record<string, number>>;

const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const ERRNO = 0x00050000;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

const AUDIT_ARCHITECTURES: Readonly<Record<FilterArchitecture, number>> = {
  x64: 0xc000003e,
  arm64: 0xc00000b7,
};
/** System call numbers of the x32 ABI have this bit; they would go around the table. */
const X32_BIT = 0x40000000;

/** Byte offsets in struct seccomp_data; of the arguments, the low halves. */
const NUMBER_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
const argumentOffset = (index: number): number => 16 + 8 * index;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = 0x7e020000;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
/** Both put characters into another process's terminal input. */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

const refuse = (errorNumber: number): Instruction => returnAction(ERRNO | errorNumber);

export function hasSeccompFilter(architecture: string): architecture is FilterArchitecture {
  return architecture in AUDIT_ARCHITECTURES;
}

/**
 * Calls whose arguments decide. The kernel reads each of these arguments as 32 bits, so the upper halves say
 * nothing. clone3 has its flags in memory, where a filter cannot see them: "not implemented" makes every libc fall
 * back to clone, and what would use the kernel's asynchronous I/O do without it.
 */
function conditionalCalls(): Readonly<Record<string, readonly Instruction[]>> {
  const family = loadWord(argumentOffset(0));
  return {
    clone: [
      loadWord(argumentOffset(0)),
      ...whenAnyBit(NAMESPACE_FLAGS, [refuse(EPERM)]),
      returnAction(ALLOW),
    ],
    clone3: [refuse(ENOSYS)],
    io_setup: [refuse(ENOSYS)],
    socket: [
      family,
      ...[AF_UNIX, AF_INET, AF_INET6].flatMap((allowed) => whenEqual(allowed, [returnAction(ALLOW)])),
      ...whenEqual(AF_NETLINK, [
        loadWord(argumentOffset(2)),
        ...whenEqual(NETLINK_ROUTE, [returnAction(ALLOW)]),
      ]),
      refuse(EAFNOSUPPORT),
    ],
    personality: [family, ...whenEqual(0, [returnAction(ALLOW)]), refuse(EPERM)],
    ioctl: [
      loadWord(argumentOffset(1)),
      ...[TIOCSTI, TIOCLINUX].flatMap((denied) => whenEqual(denied, [refuse(EPERM)])),
      returnAction(ALLOW),
    ],
  };
}

/** A stretch of system call numbers with the same verdict, up to the start of the next one. */
interface Stretch {
  readonly from: number;
  readonly verdict: Instruction;
}

/**
 * Refused calls that the table knows get "not permitted"; numbers beyond it are calls newer than the table, for which
 * a libc only falls back when told "not implemented".
 */
function stretches(table: SyscallNumbers): Stretch[] {
  const allowed = new Set(
    ALLOWED_SYSCALLS.map((name) => table[name]).filter((number) => number !== undefined),
  );
  const last = Math.max(...Object.values(table));
  const found: Stretch[] = [];
  let previous: boolean | undefined;
  for (let number = 0; number <= last; number++) {
    const allow = allowed.has(number);
    if (allow !== previous)
      found.push({ from: number, verdict: allow ? returnAction(ALLOW) : refuse(EPERM) });
    previous = allow;
  }
  return [...found, { from: last + 1, verdict: refuse(ENOSYS) }];
}

/** Binary search: some eight comparisons per system call instead of a few hundred. */
function decide(parts: readonly Stretch[]): Instruction[] {
  const middle = parts[parts.length >> 1];
  if (middle === undefined) throw new RangeError("nothing to decide");
  if (parts.length === 1) return [middle.verdict];
  const half = parts.length >> 1;
  return branchAtLeast(middle.from, decide(parts.slice(half)), decide(parts.slice(0, half)));
}

/** The filter as instructions; see `seccompFilter`. */
export function filterProgram(architecture: FilterArchitecture): Instruction[] {
  const table: SyscallNumbers = numbers[architecture];
  const conditional = Object.entries(conditionalCalls()).flatMap(([name, block]) => {
    const number = table[name];
    return number === undefined ? [] : whenEqual(number, block);
  });
  const native = [
    loadWord(NUMBER_OFFSET),
    ...(architecture === "x64" ? whenAtLeast(X32_BIT, [refuse(ENOSYS)]) : []),
    ...conditional,
    ...decide(stretches(table)),
  ];
  return [
    loadWord(ARCHITECTURE_OFFSET),
    // The 32-bit ABI of the same processor has numbers and calls of its own.
    ...unlessEqual(AUDIT_ARCHITECTURES[architecture], [returnAction(KILL_PROCESS)]),
    ...native,
  ];
}

/**
 * An allow-list of system calls as a BPF program for `bwrap --seccomp`: everything else fails with EPERM, foreign
 * ABIs end the process. Assembled once per start of Lambent.
 */
export function seccompFilter(architecture: FilterArchitecture): Buffer {
  return assemble(filterProgram(architecture));
}
