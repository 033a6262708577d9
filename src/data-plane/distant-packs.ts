import type { PackFiles, PackKeeper } from "../ports/code-cache.ts";
import type { CallsOfMain, CallsOfProcess } from "./calls.ts";
import type { Channel } from "./channel.ts";

/** Packs of which the main process knows who makes and who uses them; their bytes are read and written here. */
export function distantPacks(
  channel: Pick<Channel<CallsOfProcess, CallsOfMain>, "ask" | "tell">,
  files: PackFiles,
): PackKeeper {
  return {
    claim: (name, patienceMs) => channel.ask("claimPack", { name, patienceMs }),
    async read(name) {
      const pack = await files.read(name);
      if (pack === undefined) channel.tell("dropPack", { name });
      return pack;
    },
    async keep(name, { code, preloads }) {
      const unfinished = await files.write(code);
      const isKept = await channel.ask("adoptPack", { name, preloads, unfinished }).catch(() => false);
      if (!isKept) await files.discard(unfinished);
      return isKept;
    },
  };
}
