import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LOG_EVENT_BYTES_MAX } from "../core/log-event-size.ts";
import { splitLines } from "./line-splitter.ts";

function linesOf(...chunks: readonly (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const splitter = splitLines((line) => lines.push(line));
  for (const chunk of chunks) splitter.write(Buffer.from(chunk as Buffer));
  splitter.flush();
  return lines;
}

test("chunks become lines with their newlines, an unfinished one at the end", () => {
  assert.deepEqual(linesOf("a\nb", "c\n\nd"), ["a\n", "bc\n", "\n", "d\n"]);
});

test("a very long line becomes events that fit, without losing a character", () => {
  for (const character of ["x", "ä", "€", "😀"]) {
    const text = `.${character.repeat(500_000)}`;
    const bytes = Buffer.from(text);
    const lines = linesOf(bytes.subarray(0, 1_000), bytes.subarray(1_000), "\n");
    assert.ok(lines.length > 1);
    for (const line of lines) assert.ok(Buffer.byteLength(line) <= LOG_EVENT_BYTES_MAX);
    assert.ok(lines.map((line) => line.slice(0, -1)).join("") === text, character);
  }
});

test("whatever the chunks are, no text is lost", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), fc.array(fc.nat(20)), (text, sizes) => {
      const bytes = Buffer.from(text);
      const chunks: Buffer[] = [];
      let from = 0;
      for (const size of sizes) {
        chunks.push(bytes.subarray(from, from + size));
        from += size;
      }
      chunks.push(bytes.subarray(from));
      const expected = text === "" || text.endsWith("\n") ? text : `${text}\n`;
      assert.equal(linesOf(...chunks).join(""), expected);
    }),
  );
});
