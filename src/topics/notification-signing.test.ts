import assert from "node:assert/strict";
import { createVerify, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { NotificationSigning } from "./notification-signing.ts";

test("signatures of both versions are right by the certificate, which is kept", async () => {
  const keyValue = new MemoryKeyValueStore();
  const clock = new ManualClock();
  const signing = new NotificationSigning({ keyValue, clock });
  const members = { Type: "Notification", Message: "hello", Subject: undefined, MessageId: "1" };
  const text = "Message\nhello\nMessageId\n1\nType\nNotification\n";
  for (const [version, digest] of [
    [undefined, "sha1"],
    ["2", "sha256"],
  ] as const) {
    const { Signature, SignatureVersion, SigningCertURL } = await signing.sign(members, {
      version,
      host: "localhost:1",
    });
    assert.equal(SignatureVersion, version ?? "1");
    const again = new NotificationSigning({ keyValue, clock });
    const pem = await again.certificateAt(new URL(SigningCertURL).pathname);
    const certificate = new X509Certificate(pem ?? "");
    assert.ok(createVerify(digest).update(text).verify(certificate.publicKey, Signature, "base64"));
    assert.ok(certificate.verify(certificate.publicKey));
    assert.equal(certificate.subject, "CN=sns.lambent");
    assert.ok(Date.parse(certificate.validFrom) <= clock.nowMs());
    assert.ok(Date.parse(certificate.validTo) > clock.nowMs() + 19 * 365 * 86_400_000);
  }
  assert.equal(await signing.certificateAt("/SimpleNotificationService-0.pem"), undefined);
});
