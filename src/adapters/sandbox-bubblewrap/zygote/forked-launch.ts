import type { ProgramEnd } from "../helper/sandbox-helper.ts";
import type { Launch } from "../launch.ts";
import type { ForkedProgram, Zygote } from "./zygote.ts";

/** A launch whose bwrap runs a holder, and whose program is forked from a zygote into what bwrap builds. */
export interface ForkedLaunch {
  /** As if bwrap had run the program: ends with it, the way it does. */
  readonly launch: Launch;
  /** Resolves when the program has been forked; rejects when it cannot be. */
  readonly forked: Promise<unknown>;
}

/** Call when bwrap has its options. */
export function forkInto(launch: Launch, zygote: Zygote): ForkedLaunch {
  const forked = forkWhenThere(launch, zygote);
  forked.catch(() => undefined);
  return {
    forked,
    launch: {
      ...launch,
      sharedBytes: zygote.sharedBytes,
      ended: endOf(launch, forked),
      terminate: () => void forked.then((program) => program.terminate()).catch(() => undefined),
    },
  };
}

async function forkWhenThere(launch: Launch, zygote: Zygote): Promise<ForkedProgram> {
  const { id, group, holder, hasListeners } = launch;
  if (group === undefined) throw new Error("a sandbox without a control group cannot be forked into");
  if (holder === undefined) throw new Error("a sandbox that nothing holds cannot be forked into");
  return zygote.fork({ id, firstProcess: await launch.firstProcess, runs: holder, group, hasListeners });
}

async function endOf(launch: Launch, forked: Promise<ForkedProgram>): Promise<ProgramEnd> {
  const end = await Promise.race([forked.then(({ ended }) => ended).catch(() => undefined), launch.ended]);
  // With bwrap end the holder and everything that the program has started.
  launch.kill();
  const bubblewrapEnd = await launch.ended;
  return end ?? bubblewrapEnd;
}
