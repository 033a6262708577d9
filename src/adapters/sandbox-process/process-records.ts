import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/**
 * Remembers on disk which processes were started, so that those left by a killed Lambent can be ended by the next
 * one. A process id alone may belong to somebody else by then; its start time tells.
 */
export class ProcessRecords {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Kills what an earlier run has left behind. */
  static async open(directory: string): Promise<ProcessRecords> {
    await mkdir(directory, { recursive: true });
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      const startTime = await readFile(path, "utf8");
      if (startTime !== "" && startTime === (await processStartTime(Number(name)))) killGroup(Number(name));
      await rm(path, { force: true });
    }
    return new ProcessRecords(directory);
  }

  async add(processId: number): Promise<void> {
    await writeFile(join(this.#directory, String(processId)), (await processStartTime(processId)) ?? "");
  }

  async remove(processId: number): Promise<void> {
    await rm(join(this.#directory, String(processId)), { force: true });
  }
}

/** Ends every process of the group that the process leads; none left is fine. */
export function killGroup(processId: number): void {
  try {
    process.kill(-processId, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Undefined when there is no such process. */
async function processStartTime(processId: number): Promise<string | undefined> {
  try {
    const { stdout } = await execute("ps", ["-o", "lstart=", "-p", String(processId)], {
      env: { ...process.env, LC_ALL: "C" },
    });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
