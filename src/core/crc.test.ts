import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { type CrcName, combineCrc, createCrc } from "./crc.ts";

function crcOf(name: CrcName, ...pieces: Uint8Array[]): Uint8Array {
  const crc = createCrc(name);
  for (const piece of pieces) crc.update(piece);
  return crc.digest();
}

const checks = { CRC32: "cbf43926", CRC32C: "e3069283", CRC64NVME: "ae8b14860a799888" } as const;

for (const [name, expected] of Object.entries(checks) as [CrcName, string][]) {
  test(`${name} of the standard text is the one of the catalogue, however it is cut`, () => {
    const text = Buffer.from("123456789");
    assert.equal(Buffer.from(crcOf(name, text)).toString("hex"), expected);
    for (let cut = 0; cut <= 9; cut++)
      assert.equal(
        Buffer.from(crcOf(name, text.subarray(0, cut), text.subarray(cut))).toString("hex"),
        expected,
      );
  });

  test(`${name} of two parts is combined from theirs`, () => {
    for (const [first, second] of [
      [0, 5],
      [5, 0],
      [1, 1],
      [1000, 77_777],
    ] as const) {
      const [a, b] = [randomBytes(first), randomBytes(second)];
      assert.deepEqual(combineCrc(name, crcOf(name, a), crcOf(name, b), second), crcOf(name, a, b));
    }
  });
}
