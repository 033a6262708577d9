import { closeSync, readdirSync, readFileSync } from "node:fs";

const CLOSE_ON_EXEC = 0o2000000;
const STANDARD_DESCRIPTORS = 3;

/**
 * Closes what this process has inherited from whoever started it: every descriptor beyond standard error that would
 * also be inherited by a sandbox. Call first thing, before anything is opened. Only Linux tells; elsewhere nothing
 * is done. An IPC channel of Node's is kept.
 */
export function closeInheritedDescriptors(): void {
  if (process.platform !== "linux") return;
  const channel = (process.channel as { fd?: number } | undefined)?.fd;
  for (const name of readdirSync("/proc/self/fd")) {
    const descriptor = Number(name);
    if (descriptor < STANDARD_DESCRIPTORS || descriptor === channel) continue;
    if (isInheritable(descriptor)) closeSync(descriptor);
  }
}

function isInheritable(descriptor: number): boolean {
  let text: string;
  try {
    text = readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
  } catch {
    // The listing of the directory itself had a descriptor, which is closed by now.
    return false;
  }
  const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(text)?.[1] ?? "", 8);
  return (flags & CLOSE_ON_EXEC) === 0;
}
