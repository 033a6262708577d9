import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ALLOWED_SYSCALLS } from "./allowed-syscalls.ts";
import type { Instruction } from "./bpf-assembler.ts";
import { type FilterArchitecture, filterProgram, hasSeccompFilter, seccompFilter } from "./seccomp-filter.ts";
import numbers from "./syscall-numbers.generated.json" with { type: "json" };

const AUDIT = { x64: 0xc000003e, arm64: 0xc00000b7 };
const AUDIT_I386 = 0x40000003;

/** The kernel's interpreter, as far as the filter uses it. */
function verdict(
  program: readonly Instruction[],
  architecture: number,
  number: number,
  args: readonly number[] = [],
) {
  const words = new Map([
    [0, number],
    [4, architecture],
  ]);
  for (let i = 0; i < 6; i++) words.set(16 + 8 * i, args[i] ?? 0);
  let word = 0;
  for (let at = 0; at < program.length; at++) {
    const { code, constant, jumpTrue, jumpFalse } = program[at]!;
    if (code === 0x06) {
      if (constant === 0x7fff0000) return "allow";
      return constant === 0x80000000 ? "kill" : constant & 0xffff;
    }
    if (code === 0x20) word = words.get(constant)! >>> 0;
    else {
      const holds = { 21: word === constant, 53: word >= constant, 69: (word & constant) !== 0 }[code];
      assert.notEqual(holds, undefined, `instruction ${code}`);
      at += holds ? jumpTrue : jumpFalse;
    }
  }
  throw new Error("the program ended without a verdict");
}

for (const architecture of ["x64", "arm64"] as const satisfies FilterArchitecture[]) {
  const table: Record<string, number> = numbers[architecture];
  const program = filterProgram(architecture);
  const call = (name: string, ...args: number[]) => verdict(program, AUDIT[architecture], table[name]!, args);

  describe(`the filter for ${architecture}`, () => {
    test("gives every known call exactly the verdict of the list", () => {
      const special = new Set(["clone", "clone3", "io_setup", "socket", "personality", "ioctl"]);
      const allowed = new Set(ALLOWED_SYSCALLS);
      for (const name of Object.keys(table)) {
        if (!special.has(name)) assert.equal(call(name), allowed.has(name) ? "allow" : 1, name);
      }
    });

    test("allows threads and refuses namespaces", () => {
      assert.equal(call("clone", 0x003d0f00), "allow");
      for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
        assert.equal(call("clone", 0x11 | flag), 1, flag.toString(16));
      assert.equal(call("clone3"), 38);
    });

    test("refuses asynchronous I/O, whose contexts are the whole machine's, as kernels without it do", () => {
      assert.equal(call("io_setup"), 38);
    });

    test("allows local, internet and routing sockets only", () => {
      for (const family of [1, 2, 10]) assert.equal(call("socket", family, 1, 0), "allow");
      assert.equal(call("socket", 16, 3, 0), "allow");
      assert.equal(call("socket", 16, 3, 9), 97, "the audit protocol of netlink");
      for (const family of [0, 17, 38, 40])
        assert.equal(call("socket", family, 3, 0), 97, `family ${family}`);
    });

    test("refuses typing into terminals and odd personalities", () => {
      assert.equal(call("ioctl", 0, 0x5412), 1);
      assert.equal(call("ioctl", 0, 0x5401), "allow");
      assert.equal(call("personality", 0), "allow");
      assert.equal(call("personality", 0x0040000), 1);
    });

    test("tells a libc that calls newer than the table do not exist", () => {
      assert.equal(verdict(program, AUDIT[architecture], Math.max(...Object.values(table)) + 1), 38);
    });

    test("ends programs that use another processor's calls", () => {
      assert.equal(verdict(program, AUDIT_I386, 4), "kill");
      assert.equal(verdict(program, AUDIT[architecture === "x64" ? "arm64" : "x64"], 0), "kill");
    });

    test("is a program of whole instructions that the kernel takes", () => {
      const bytes = seccompFilter(architecture);
      assert.equal(bytes.length, program.length * 8);
      assert.ok(program.length <= 4096, "BPF_MAXINSNS");
    });
  });
}

test("the x32 ABI is refused", () => {
  assert.equal(verdict(filterProgram("x64"), AUDIT.x64, 0x40000000 | 1), 38);
});

test("architectures without a table have no filter", () => {
  assert.equal(hasSeccompFilter("x64"), true);
  assert.equal(hasSeccompFilter("riscv64"), false);
});
