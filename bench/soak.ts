/**
 * `npm run soak -- --invocations 1000000`: invokes many functions with crashes, timeouts, exhausted memory, broken
 * initialisations, updates, deletions and callers that hang up mixed in, and then looks for whatever has been left.
 *
 *   --invocations N   1,000,000 unless said
 *   --concurrency N   callers at once, 16 unless said
 *   --seed N          the same seed has the same events in the same order
 *   --write           notes the result in docs/performance.md
 */
import { parseArgs } from "node:util";
import { endWhatWasStarted } from "./interruption.ts";
import { writeSection } from "./report/performance-page.ts";
import { megabytes, soak } from "./soak/soak.ts";

endWhatWasStarted();
const { values } = parseArgs({
  options: {
    invocations: { type: "string", default: "1000000" },
    concurrency: { type: "string", default: "16" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    write: { type: "boolean" },
  },
});
const seed = Number(values.seed);
console.log(`seed ${seed}`);
const report = await soak({
  invocations: Number(values.invocations),
  concurrency: Number(values.concurrency),
  seed,
  progress: (line) => console.error(`  ${line}`),
});
const [first, last] = report.memory;
const rows = [
  ["invocations", String(report.invocations)],
  ["per second, faults and all", (report.invocations / report.seconds).toFixed(0)],
  ["environments initialised", String(report.environmentsStarted)],
  [
    "answers",
    Object.entries(report.outcomes)
      .map(([name, count]) => `${name} ${count}`)
      .join(", "),
  ],
  ["control process after a third", megabytes(first)],
  ["control process at the end", megabytes(last)],
  ["unexpected answers", String(report.outcomes.unexpected ?? 0)],
  ["left over", report.leaks.length === 0 ? "nothing" : report.leaks.join("; ")],
];
for (const [name, value] of rows) console.log(`${name}: ${value}`);
for (const line of report.unexpected) console.log(`unexpected: ${line}`);
if (values.write === true)
  writeSection({
    name: "soak",
    columns: ["soak", `seed ${seed}, ${values.concurrency} at once`],
    rows,
    notes: [
      "counted: processes, mounts, control groups, network namespaces, interfaces, nftables tables, loop devices, pipes, descriptors by kind",
    ],
  });
if (report.leaks.length > 0 || report.unexpected.length > 0) process.exitCode = 1;
