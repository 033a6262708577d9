import type { FunctionVersion } from "./function-version.ts";

/** AWS: "your function is invoked approximately 16 times" in one chain before a loop is ended. */
const INVOCATIONS_MAX = 16;
/** Functions that a lineage remembers; AWS says nothing of it. */
const FUNCTIONS_MAX = 16;
const ENTRY = /([0-9a-f]{8}):(\d{1,5})(?=$|\|)/g;

const marks = new WeakMap<FunctionVersion, string>();

/** Eight digits that stand for a function, whatever its version: FNV-1a of its name, account and region. */
function markOf(version: FunctionVersion): string {
  let mark = marks.get(version);
  if (mark === undefined) {
    let hash = 0x81_1c_9d_c5;
    for (const character of `${version.account}/${version.region}/${version.functionName}`)
      hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01_00_01_93) >>> 0;
    mark = hash.toString(16).padStart(8, "0");
    marks.set(version, mark);
  }
  return mark;
}

/**
 * The Lineage of a trace header as an invocation hands it on: how many invocations the chain has had, and for each
 * function how many before its last one. AWS: "25:a87bd80c:1" ("X-Ray concepts"); what it writes where several functions
 * take part is not documented, here they follow behind "|".
 */
export function nextLineage(incoming: string | undefined, version: FunctionVersion): string {
  const mark = markOf(version);
  if (incoming === undefined) return `1:${mark}:0`;
  const earlier = new Map([...incoming.matchAll(ENTRY)].map(([, of = "", count]) => [of, Number(count)]));
  const own = earlier.get(mark);
  earlier.delete(mark);
  const others = [...earlier].slice(0, FUNCTIONS_MAX - 1).map(([of, count]) => `${of}:${count}`);
  const hops = Number(/^(\d{1,5}):/.exec(incoming)?.[1] ?? 0) + 1;
  return [`${hops}:${mark}:${own === undefined ? 0 : own + 1}`, ...others].join("|");
}

/** Whether a function has been invoked so often in the chain that one more invocation would be a loop. */
export function isLoop(lineage: string | undefined, version: FunctionVersion): boolean {
  if (lineage === undefined) return false;
  const mark = markOf(version);
  for (const [, of, count] of lineage.matchAll(ENTRY))
    if (of === mark) return Number(count) + 1 >= INVOCATIONS_MAX;
  return false;
}
