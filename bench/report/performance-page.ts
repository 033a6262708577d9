import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { drawBars, type Picture } from "./picture.ts";
import { type Section, tableOf } from "./table.ts";

const DOCS = join(import.meta.dirname, "..", "..", "docs");
const PAGE = join(DOCS, "performance.md");
const PICTURE = join(DOCS, "performance.svg");
/** Sections stand in this order, others after them. */
const ORDER = ["warm", "cold", "burst", "density", "freeze", "functions", "store", "soak"];

/** Before the measurement, whose own load would count otherwise. */
const [loadBefore = 0] = loadavg();
/** More than so many processors busy with something else, and the figures are to be taken again. */
const QUIET_LOAD = 0.5;

/** Of the machine that the figures are from. */
export function machine(): string {
  const [processor] = cpus();
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${processor?.model ?? "unknown processor"}, ${memoryGib} GiB, ${process.platform} ${release()}, Node ${process.versions.node}`;
}

function readSections(): Map<string, string> {
  if (!existsSync(PAGE)) return new Map();
  const parts = readFileSync(PAGE, "utf8").split(/^## /m).slice(1);
  return new Map(
    parts.map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n")).trim()]),
  );
}

/** Writes or replaces one section of docs/performance.md; the others stay as they are. */
export function writeSection(section: Section): void {
  const sections = readSections();
  const when = new Date().toISOString().slice(0, 10);
  const busy =
    loadBefore > QUIET_LOAD
      ? ` Other work was going on (load average ${loadBefore.toFixed(1)}): to be taken again on a quiet machine.`
      : "";
  sections.set(section.name, `Measured ${when} on ${machine()}.${busy}\n\n${tableOf(section)}`);
  const names = [...sections.keys()].toSorted((a, b) => place(a) - place(b));
  const text = names.map((name) => `## ${name}\n\n${sections.get(name)}\n`).join("\n");
  const picture = existsSync(PICTURE)
    ? "![Warm throughput of Lambent beside its peers](performance.svg)\n\n"
    : "";
  writeFileSync(
    PAGE,
    `# Performance\n\nWritten by \`npm run bench -- --write\` and \`npm run soak -- --write\`. Quote the ratios: the other figures are the machine's.\n\n${picture}${text}`,
  );
}

function place(name: string): number {
  const at = ORDER.indexOf(name);
  return at < 0 ? ORDER.length : at;
}

/** Replaces docs/performance.svg. */
export function writePicture(picture: Picture): void {
  writeFileSync(PICTURE, drawBars(picture));
}
