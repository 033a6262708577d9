import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { LambdaClient, ListFunctionsCommand } from "@aws-sdk/client-lambda";
import { rootKeys } from "../support/root-keys.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

/** Clients that nobody knows, on a port that strangers reach: what they begin costs little, and comes back. */
const MEGABYTE = 1_048_576;
const CONNECTIONS = 100;
const BODY_BYTES = 5_900_000;
/** What may be held for strangers at a time, and what Node has not collected yet. */
const GROWTH_MAX_BYTES = 350 * MEGABYTE;

const SIGNED =
  "Authorization: AWS4-HMAC-SHA256 Credential=AKIAAAAAAAAAAAAAAAAA/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0\r\n";
const FORM = "Content-Type: application/x-www-form-urlencoded\r\n";
const head = (line: string, headers: string): string =>
  `${line} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Length: ${BODY_BYTES + 1}\r\n\r\n`;

describe("a stranger's client", { concurrency: false }, () => {
  let lambent: RunningLambent;
  let root: { accessKeyId: string; secretAccessKey: string };

  before(async () => {
    lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
    root = await rootKeys(lambent);
  });
  after(async () => {
    assert.equal(await lambent?.stop(), 0);
  });

  const residentBytes = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${lambent.process.pid}/status`, "utf8"))?.[1]) * 1_024;
  const descriptors = (): number => readdirSync(`/proc/${lambent.process.pid}/fd`).length;
  const begin = async (text: string): Promise<Socket> => {
    const socket = connect(Number(new URL(lambent.endpoint).port), "127.0.0.1");
    socket.on("error", () => undefined).on("data", () => undefined);
    await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    socket.write(text, "latin1");
    socket.write(Buffer.alloc(BODY_BYTES, 97));
    return socket;
  };

  for (const [what, text] of [
    ["an invocation", head("POST /2015-03-31/functions/hello/invocations", SIGNED)],
    [
      "an invocation that is read by the HTTP server",
      head("POST /2015-03-31/functions/a/invocations/", SIGNED),
    ],
    ["a form", head("POST /", FORM)],
    ["an object", head("PUT /bucket/key", "")],
  ] as const) {
    test(`that does not go on sending ${what} takes no memory to speak of`, async () => {
      const [bytes, open] = [residentBytes(), descriptors()];
      const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => begin(text)));
      await delay(3_000);
      assert.ok(
        residentBytes() - bytes < GROWTH_MAX_BYTES,
        `${(residentBytes() - bytes) / MEGABYTE} MB for ${CONNECTIONS} connections`,
      );
      const client = new LambdaClient({ endpoint: lambent.endpoint, region: "us-east-1", credentials: root });
      assert.deepEqual((await client.send(new ListFunctionsCommand({}))).Functions, []);
      client.destroy();
      for (const socket of sockets) socket.destroy();
      // Those that nobody reads tell when their turn comes.
      for (let waits = 0; descriptors() > open + 5 && waits < 100; waits++) await delay(100);
      assert.ok(descriptors() <= open + 5, `${descriptors()} descriptors, ${open} before`);
    });
  }
});
