/**
 * Reporter of `tools/test.ts`: quiet about what passes, everything about what fails, and one JSON line per result
 * into the file named by LAMBENT_TEST_RESULTS, from which the runner makes its summary.
 */
import { appendFileSync } from "node:fs";
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

export interface TestResult {
  readonly outcome: "passed" | "failed" | "skipped";
  readonly name: string;
  readonly file: string;
  /** Why it was skipped. */
  readonly reason?: string;
  /** Of one that failed, by the clock. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

interface ReportedTest {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details: {
    readonly type?: string;
    readonly duration_ms: number;
    readonly error?: Error & { readonly failureType?: string; readonly cause?: unknown };
  };
}

/** Output of a test file is shown only when something in it fails; the newest part is enough. */
const OUTPUT_KEPT_CHARACTERS = 8_000;
const SLOW_MS = 5_000;

const resultsFile = process.env.LAMBENT_TEST_RESULTS ?? "/dev/null";

function record(result: TestResult): void {
  appendFileSync(resultsFile, `${JSON.stringify(result)}\n`);
}

function place(data: ReportedTest): string {
  return data.file === undefined ? "" : `${relative(process.cwd(), data.file)}:${data.line ?? 1}`;
}

function failureText(data: ReportedTest, output: string): string {
  const { error } = data.details;
  const cause = error?.cause ?? error;
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause);
  const shown = output === "" ? "" : `\n    output of the file:\n${output.replace(/^/gm, "    | ")}`;
  return `\n  FAILED ${data.name}\n    ${place(data)}\n${text.replace(/^/gm, "    ")}${shown}\n`;
}

/** A group fails because one of its tests did; that one is reported already. */
function isGroup(data: ReportedTest): boolean {
  return data.details.type === "suite" || data.details.error?.failureType === "subtestsFailed";
}

export default async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const outputs = new Map<string, string>();
  for await (const event of events) {
    if (event.type === "test:stdout" || event.type === "test:stderr") {
      const { file, message } = event.data as { file: string; message: string };
      outputs.set(file, ((outputs.get(file) ?? "") + message).slice(-OUTPUT_KEPT_CHARACTERS));
      continue;
    }
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    const data = event.data as ReportedTest;
    if (isGroup(data)) continue;
    const named = { name: data.name, file: place(data) };
    if (event.type === "test:fail") {
      const toMs = Date.now();
      record({ outcome: "failed", ...named, fromMs: toMs - data.details.duration_ms, toMs });
      yield failureText(data, outputs.get(data.file ?? "") ?? "");
    } else if (data.skip !== undefined || data.todo !== undefined) {
      const reason = String(data.skip ?? data.todo);
      record({ outcome: "skipped", ...named, reason });
      yield `  skipped ${data.name}: ${reason}\n`;
    } else {
      record({ outcome: "passed", ...named });
      const durationMs = data.details.duration_ms;
      if (durationMs > SLOW_MS) yield `  ${(durationMs / 1000).toFixed(1)} s ${data.name}\n`;
    }
  }
}
