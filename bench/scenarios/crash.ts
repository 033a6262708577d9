import { crashLoop } from "../../test/support/crash-loop.ts";
import type { Scenario } from "../scenario.ts";

const DEFAULT_KILLS = 5;
/** Longer, and fewer of the events are under way when Lambent is killed. */
const LOAD_MS = 6_000;
const SENDERS = 16;

/** `kill -9` of Lambent under a load of events, again and again: what was acknowledged, lost, executed twice. */
export const crash: Scenario = async (options) => {
  const result = await crashLoop({
    kills: options.count ?? DEFAULT_KILLS,
    loadMs: LOAD_MS,
    senders: SENDERS,
    pauseMs: 5,
    progress: (line) => options.progress(line),
  });
  const { kills, acknowledged, lost, duplicates } = result;
  return {
    columns: ["kill -9 under load", "count"],
    rows: [
      ["kills", String(kills)],
      ["events acknowledged", String(acknowledged)],
      ["events lost", String(lost)],
      ["executed more than once", `${duplicates} (${((100 * duplicates) / acknowledged).toFixed(3)} %)`],
    ],
    notes: ["more kills: npm run bench -- crash --count 50"],
    json: { kills, acknowledged, lost, duplicates },
  };
};
