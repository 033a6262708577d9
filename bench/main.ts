/**
 * `npm run bench`: measures Lambent against a bare limit and its peers in the same run, so that the result is a ratio.
 *
 *   npm run bench -- warm            one scenario, as a table
 *   npm run bench -- --json warm     the same, its last line JSON
 *   npm run bench -- --write         every scenario, into docs/performance.md and docs/performance.svg
 *   npm run bench -- --write warm    one scenario into its section there; the others stay
 *   --rounds N --seconds N           how often and how long each measurement is made
 *   --count N                        how many environments (density), functions (functions), events (async), kills (crash) or mappings (sqs)
 */
import { parseArgs } from "node:util";
import { endWhatWasStarted } from "./interruption.ts";
import { machine, writePicture, writeSection } from "./report/performance-page.ts";
import { tableOf } from "./report/table.ts";
import type { Scenario } from "./scenario.ts";
import { api } from "./scenarios/api.ts";
import { asynchronous } from "./scenarios/async.ts";
import { burst } from "./scenarios/burst.ts";
import { cold } from "./scenarios/cold.ts";
import { crash } from "./scenarios/crash.ts";
import { density } from "./scenarios/density.ts";
import { freeze } from "./scenarios/freeze.ts";
import { functions } from "./scenarios/functions.ts";
import { manyCores } from "./scenarios/many-cores.ts";
import { sqs } from "./scenarios/sqs.ts";
import { store } from "./scenarios/store.ts";
import { warm } from "./scenarios/warm.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  warm,
  cold,
  burst,
  density,
  freeze,
  functions,
  store,
  api,
  async: asynchronous,
  crash,
  sqs,
  "many-cores": manyCores,
};

endWhatWasStarted();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean" },
    write: { type: "boolean" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    count: { type: "string" },
  },
});
const chosen = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
const unknown = chosen.filter((name) => !(name in SCENARIOS));
if (unknown.length > 0) {
  console.error(`no scenario ${unknown.join(", ")}; there are ${Object.keys(SCENARIOS).join(", ")}`);
  process.exit(2);
}
console.error(machine());
for (const name of chosen) {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) continue;
  console.error(name);
  const result = await scenario({
    rounds: Number(values.rounds),
    secondsPerMeasurement: Number(values.seconds),
    count: values.count === undefined ? undefined : Number(values.count),
    progress: (line) => console.error(`  ${line}`),
  });
  console.log(`\n${tableOf(result)}`);
  if (values.write === true) {
    // After each scenario: what has been measured is not lost when a later one fails.
    if (result.picture !== undefined) writePicture(result.picture);
    writeSection({ name, ...result });
  }
  if (values.json === true) console.log(`\n${JSON.stringify(result.json)}`);
}
