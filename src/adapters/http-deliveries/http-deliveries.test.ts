import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { createHttpDeliveries } from "./http-deliveries.ts";

test("addresses that are nobody's business are refused before anything is sent", async () => {
  const open = createHttpDeliveries({ allowsOwnHost: true });
  const closed = createHttpDeliveries({ allowsOwnHost: false });
  const refused = /Messages are not delivered to/;
  await assert.rejects(open.post("http://169.254.169.254/latest", {}, ""), refused);
  await assert.rejects(open.post("http://[fe80::1]/", {}, ""), refused);
  for (const mapped of ["100.100.100.200", "168.63.129.16", "[::ffff:169.254.169.254]", "0xa9fea9fe"])
    await assert.rejects(open.post(`http://${mapped}/`, {}, ""), refused);
  await assert.rejects(closed.post("http://127.0.0.1:1/", {}, ""), refused);
  await assert.rejects(closed.post("http://localhost:1/", {}, ""), refused);
  await assert.rejects(closed.post("http://0x7f000001:1/", {}, ""), refused);
  for (const { address, family } of Object.values(networkInterfaces()).flatMap((all) => all ?? [])) {
    const isVersion6 = family === "IPv6";
    await assert.rejects(closed.post(`http://${isVersion6 ? `[${address}]` : address}:1/`, {}, ""), refused);
    if (!isVersion6) await assert.rejects(closed.post(`http://[::ffff:${address}]:1/`, {}, ""), refused);
  }
  await assert.rejects(open.post("http://127.0.0.1:1/", {}, ""), /ECONNREFUSED|bad port/);
});
