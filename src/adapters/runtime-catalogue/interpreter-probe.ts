import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { z } from "zod";

const PROBE_TIMEOUT_MS = 5_000;

const factsSchema = z.object({
  version: z.string().regex(/^\d+\.\d+\.\d+/),
  /** Real path of the file that runs. */
  executable: z.string(),
  /** Directory the interpreter belongs to, when it needs more than its file. */
  prefix: z.string().optional(),
  /** The prefix holds this interpreter alone, also when it lies below /usr. */
  ownPrefix: z.boolean().optional(),
  /** It looks for libraries at its absolute prefix, which must then exist in a sandbox as well. */
  needsOriginalPrefix: z.boolean().optional(),
  /** False for pre-releases. */
  stable: z.boolean().optional(),
});

/** What an interpreter says of itself. */
export type InterpreterFacts = z.infer<typeof factsSchema>;

/** Runs each candidate once, a few at a time; those that do not run or do not answer are left out. */
export async function probeInterpreters(
  executables: readonly string[],
  probe: readonly string[],
): Promise<InterpreterFacts[]> {
  const waiting = [...executables];
  const found: InterpreterFacts[] = [];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const facts = await probeOne(next, probe);
      if (facts !== undefined) found.push(facts);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, worker));
  return found;
}

async function probeOne(executable: string, probe: readonly string[]): Promise<InterpreterFacts | undefined> {
  try {
    // Nothing of Lambent's own environment: options meant for it would change or slow down what is probed.
    const env = { PATH: "/usr/local/bin:/usr/bin:/bin" };
    const options = { env, timeout: PROBE_TIMEOUT_MS, killSignal: "SIGKILL" as const };
    const { stdout } = await promisify(execFile)(executable, [...probe], options);
    return factsSchema.parse(JSON.parse(stdout));
  } catch {
    return undefined;
  }
}
