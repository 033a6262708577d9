import assert from "node:assert/strict";
import { test } from "node:test";
import { createHttpDeliveries } from "./http-deliveries.ts";

test("addresses that are nobody's business are refused before anything is sent", async () => {
  const open = createHttpDeliveries({ allowsOwnHost: true });
  const closed = createHttpDeliveries({ allowsOwnHost: false });
  const refused = /Messages are not delivered to/;
  await assert.rejects(open.post("http://169.254.169.254/latest", {}, ""), refused);
  await assert.rejects(open.post("http://[fe80::1]/", {}, ""), refused);
  await assert.rejects(closed.post("http://127.0.0.1:1/", {}, ""), refused);
  await assert.rejects(closed.post("http://localhost:1/", {}, ""), refused);
  await assert.rejects(closed.post("http://0x7f000001:1/", {}, ""), refused);
  await assert.rejects(open.post("http://127.0.0.1:1/", {}, ""), /ECONNREFUSED|bad port/);
});
