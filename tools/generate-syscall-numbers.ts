/**
 * Writes the system call numbers that the seccomp filter is assembled with, from the kernel headers of this machine
 * (Debian: linux-libc-dev and a C preprocessor). Run again for a newer kernel:
 *
 *   node tools/generate-syscall-numbers.ts
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const OUTPUT = join(
  import.meta.dirname,
  "../src/adapters/sandbox-bubblewrap/seccomp/syscall-numbers.generated.json",
);

/** What <asm/unistd.h> of arm64 asks the generic table for. */
const ARM64_WANTS = [
  "RENAMEAT",
  "NEW_STAT",
  "SET_GET_RLIMIT",
  "TIME32_SYSCALLS",
  "SYS_CLONE3",
  "MEMFD_SECRET",
];

/** Only macros that end in a number name system calls; those that name another macro are followed. */
function syscallNumbers(source: string, defines: readonly string[]): Record<string, number> {
  const text = execFileSync("cc", ["-E", "-dM", ...defines, "-x", "c", "-"], {
    input: source,
    encoding: "utf8",
  });
  const macros = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(/^#define (__NR\w*) (.+)$/gm))
    macros.set(name, value);
  const resolve = (value: string): number => {
    const target = macros.get(value);
    return target === undefined ? Number(value) : resolve(target);
  };
  const names = [...macros.keys()].filter((name) => /^__NR_(?!syscalls$|arch_specific_syscall$)/.test(name));
  const entries = names.map((name): [string, number] => [
    name.slice("__NR_".length),
    resolve(`${macros.get(name)}`),
  ]);
  return Object.fromEntries(
    entries.filter(([, number]) => Number.isInteger(number)).sort((a, b) => a[1] - b[1]),
  );
}

const tables = {
  x64: syscallNumbers("#include <asm/unistd_64.h>\n", []),
  arm64: syscallNumbers(
    "#include <asm-generic/unistd.h>\n",
    ARM64_WANTS.map((name) => `-D__ARCH_WANT_${name}`),
  ),
};
writeFileSync(OUTPUT, `${JSON.stringify(tables, null, 1)}\n`);
for (const [architecture, numbers] of Object.entries(tables))
  console.log(`${architecture}: ${Object.keys(numbers).length} system calls`);
