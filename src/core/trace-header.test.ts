import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { functionVersion } from "../../test/support/scripted-environments.ts";
import { parseTraceHeader, TraceHeaders } from "./trace-header.ts";

const ROOT = "1-5759e988-bd862e3fe1be46a994272793";
const PARENT = "53995c3f42cd8ad8";
const ACTIVE = functionVersion({ tracingMode: "Active" });
const PASS_THROUGH = functionVersion({ tracingMode: "PassThrough" });
const NOW_MS = 1_700_000_000_000;

let drawn = 0;
const material = (nowMs = NOW_MS) => ({
  nowMs,
  randomHex: createHash("sha256").update(String(drawn++)).digest("hex"),
});

describe("without a header from the caller", () => {
  test("a trace is begun now, and PassThrough samples nothing", () => {
    const header = new TraceHeaders().headerFor(PASS_THROUGH, undefined, material());
    assert.match(
      header,
      /^Root=1-6553f100-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=1:[0-9a-f]{8}:0$/,
    );
  });

  test("Active samples the first of each second and five of a hundred others", () => {
    const traces = new TraceHeaders();
    const sampled = (nowMs: number): boolean =>
      traces.headerFor(ACTIVE, undefined, material(nowMs)).includes(";Sampled=1;");
    assert.equal(sampled(NOW_MS), true);
    let more = 0;
    for (let i = 0; i < 4_000; i++) if (sampled(NOW_MS + 500)) more++;
    assert.ok(more > 150 && more < 250, `${more} of 4,000`);
    assert.equal(sampled(NOW_MS + 1_000), true);
  });
});

describe("with a header from the caller", () => {
  test("its trace and its decision are kept", () => {
    for (const sampled of [0, 1])
      for (const version of [ACTIVE, PASS_THROUGH]) {
        const header = new TraceHeaders().headerFor(
          version,
          `Root=${ROOT};Parent=${PARENT};Sampled=${sampled};Lineage=7:0000000a:1|0000000b:0`,
          material(),
        );
        assert.ok(header.startsWith(`Root=${ROOT};Parent=`), header);
        assert.match(
          header,
          new RegExp(`;Sampled=${sampled};Lineage=8:[0-9a-f]{8}:0[|]0000000a:1[|]0000000b:0$`),
        );
        assert.equal(header.includes(PARENT), version === PASS_THROUGH);
      }
  });

  test("without a decision Active decides and PassThrough does not sample", () => {
    const decide = (version: typeof ACTIVE): string =>
      new TraceHeaders().headerFor(version, ` Root=${ROOT} ; Parent=${PARENT}`, material());
    assert.match(decide(ACTIVE), /Sampled=1;Lineage=[^;]+$/);
    assert.ok(decide(PASS_THROUGH).startsWith(`Root=${ROOT};Parent=${PARENT};Sampled=0;Lineage=1:`));
  });

  for (const wrong of ["", "Root=1-2-3;Sampled=1", "Sampled=1", "Root", `Root=${ROOT}0`])
    test(`${JSON.stringify(wrong)} counts as none`, () => {
      assert.equal(parseTraceHeader(wrong), undefined);
      const header = new TraceHeaders().headerFor(PASS_THROUGH, wrong, material());
      assert.match(
        header,
        /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=1:[0-9a-f]{8}:0$/,
      );
    });

  test("what could not stand in a header or a log line is left out", () => {
    const header = new TraceHeaders().headerFor(
      PASS_THROUGH,
      `Root=${ROOT};Parent=x y;Sampled=1;Lineage=a\tb`,
      material(),
    );
    assert.match(header, new RegExp(`^Root=${ROOT};Parent=[0-9a-f]{16};Sampled=1;Lineage=1:[0-9a-f]{8}:0$`));
  });
});
