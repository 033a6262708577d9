import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Server, Socket } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { describe, test } from "node:test";
import { FRAMES_CONNECTION } from "../../../ports/sandbox.ts";
import { AssignmentDoor } from "./assignment-door.ts";

const ASK = "GET /lambent/assignment HTTP/1.1\r\nHost: x\r\n\r\n";
const ASK_FOR_FRAMES = "GET /lambent/assignment HTTP/1.1\r\nHost: x\r\nUpgrade: lambent-channel\r\n\r\n";

/** A program that has connected and asked, with a door that has heard it. */
async function waitingProgram(request: string) {
  const runtimeApi = new EventEmitter();
  const reasons: string[] = [];
  const door = new AssignmentDoor(runtimeApi as Server, new EventEmitter() as Server, (reason) =>
    reasons.push(reason),
  );
  const [platform, program] = duplexPair();
  runtimeApi.emit("connection", Object.assign(platform, { setNoDelay: () => platform }) as Duplex as Socket);
  let text = "";
  program.on("data", (part) => {
    text += String(part);
  });
  program.write(request);
  await door.asked();
  const handedOn: string[] = [];
  for (const event of ["connection", FRAMES_CONNECTION]) runtimeApi.on(event, () => handedOn.push(event));
  return { door, program, reasons, handedOn, received: () => text };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the door of a sandbox that waits for its function", () => {
  for (const [request, event] of [
    [ASK, "connection"],
    [ASK_FOR_FRAMES, FRAMES_CONNECTION],
  ] as const) {
    test(`tells variables at once, and ends its answer when the code is there (${event})`, async () => {
      const { door, handedOn, received, reasons } = await waitingProgram(request);
      door.tell({ NAME: "wörd" });
      await turn();
      const [head = "", body = ""] = received().split("\r\n\r\n");
      assert.deepEqual(JSON.parse(body), { environmentVariables: { NAME: "wörd" } });
      assert.equal(Number(/Content-Length: (\d+)/.exec(head)?.[1]), Buffer.byteLength(body) + 1);
      assert.equal(head.includes("Upgrade: lambent-channel"), request === ASK_FOR_FRAMES);
      assert.deepEqual(handedOn, []);
      door.open();
      await turn();
      assert.ok(received().endsWith("}\n"));
      assert.deepEqual(handedOn, [event]);
      assert.deepEqual(reasons, []);
    });
  }

  test("is not opened to a program that sends something before its code is there", async () => {
    const { door, program, handedOn } = await waitingProgram(ASK);
    door.tell({ NAME: "value" });
    program.write("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n");
    await turn();
    assert.throws(() => door.open(), /does not wait any more/);
    assert.deepEqual(handedOn, []);
  });
});
