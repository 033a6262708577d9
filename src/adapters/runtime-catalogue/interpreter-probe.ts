import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { z } from "zod";
import { runInterpreter } from "./run-interpreter.ts";

const PROBE_TIMEOUT_MS = 5_000;

const factsSchema = z.object({
  version: z.string().regex(/^\d+\.\d+\.\d+/),
  /** Real path of the file that runs. */
  executable: z.string(),
  /** Directory the interpreter belongs to, when it needs more than its file. */
  prefix: z.string().optional(),
  /** The prefix holds this interpreter alone, also when it lies below /usr. */
  ownPrefix: z.boolean().optional(),
  /** The prefix is the directory of the executable, and to be what /var/lang/bin is on AWS. */
  prefixIsBin: z.boolean().optional(),
  /** It looks for libraries at its absolute prefix, which must then exist in a sandbox as well. */
  needsOriginalPrefix: z.boolean().optional(),
  /** False for pre-releases. */
  stable: z.boolean().optional(),
});

/** One program may run several versions of its language. */
const answerSchema = z.union([factsSchema.transform((facts) => [facts]), z.array(factsSchema)]);

/** What an interpreter says of itself, and the size of its file, which tells rebuilt ones of one version apart. */
export type InterpreterFacts = z.infer<typeof factsSchema> & { readonly sizeBytes: number };

/**
 * Asks interpreters what they are. Each file is run once for as long as it does not change, so that looking again costs
 * next to nothing.
 */
export class InterpreterProbe {
  readonly #known = new Map<
    string,
    { readonly stamp: string; readonly facts: readonly InterpreterFacts[] }
  >();

  /** Runs each candidate, a few at a time; those that do not run or do not answer are left out. */
  async ask(executables: readonly string[], probe: readonly string[]): Promise<InterpreterFacts[]> {
    const waiting = [...executables];
    const found: InterpreterFacts[] = [];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        found.push(...(await this.#askOnce(next, probe)));
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() + 1 }, worker));
    return found;
  }

  async #askOnce(executable: string, probe: readonly string[]): Promise<readonly InterpreterFacts[]> {
    try {
      const { size, mtimeMs, ino } = await stat(executable);
      const stamp = `${size} ${mtimeMs} ${ino}`;
      const key = JSON.stringify([executable, probe]);
      const known = this.#known.get(key);
      if (known?.stamp === stamp) return known.facts;
      const facts = await run(executable, probe, size);
      this.#known.set(key, { stamp, facts });
      return facts;
    } catch {
      return [];
    }
  }
}

async function run(
  executable: string,
  probe: readonly string[],
  sizeBytes: number,
): Promise<InterpreterFacts[]> {
  try {
    const stdout = await runInterpreter(executable, probe, { timeoutMs: PROBE_TIMEOUT_MS });
    return answerSchema.parse(JSON.parse(stdout)).map((facts) => ({ ...facts, sizeBytes }));
  } catch {
    return [];
  }
}
