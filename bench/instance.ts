import { createHash } from "node:crypto";

/** The part of a name by which Lambent tells what belongs to a data directory: control groups, interfaces, tables. */
export function instanceOf(dataDirectory: string): string {
  return createHash("sha256").update(dataDirectory).digest("hex").slice(0, 12);
}
