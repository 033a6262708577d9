import assert from "node:assert/strict";
import { test } from "node:test";
import type { Bucket } from "./bucket.ts";
import { busDetail, notificationText, type ObjectEvent } from "./event-records.ts";
import {
  checkNotificationRules,
  matchingRules,
  type NotificationRule,
} from "./notification-configuration.ts";

const rule = (more: Partial<NotificationRule> = {}): NotificationRule => ({
  id: "one",
  kind: "queue",
  arn: "arn:aws:sqs:us-east-1:000000000000:q",
  events: ["s3:ObjectCreated:*"],
  prefix: "",
  suffix: "",
  ...more,
});

test("rules that overlap, name no such event or another service's ARN are refused", () => {
  checkNotificationRules([rule({ prefix: "a/" }), rule({ id: "two", prefix: "b/" })]);
  checkNotificationRules([rule(), rule({ id: "two", events: ["s3:ObjectRemoved:Delete"] })]);
  const refused = (rules: NotificationRule[], name: string): void =>
    assert.throws(() => checkNotificationRules(rules), { name });
  refused([rule(), rule({ id: "two", prefix: "a", events: ["s3:ObjectCreated:Put"] })], "InvalidArgument");
  refused([rule({ suffix: ".jpg" }), rule({ id: "two", suffix: "g" })], "InvalidArgument");
  refused([rule({ prefix: "a" }), rule({ prefix: "b" })], "InvalidArgument");
  refused([rule({ events: ["s3:Nothing"] })], "InvalidArgument");
  refused([rule({ events: ["s3:ObjectRestore:Post"] })], "NotImplemented");
  refused([rule({ kind: "topic" })], "InvalidArgument");
});

test("events match by name, prefix and suffix", () => {
  const configuration = { rules: [rule({ prefix: "in/", suffix: ".jpg" })], toEventBridge: false };
  const count = (event: string, key: string): number => matchingRules(configuration, event, key).length;
  assert.equal(count("ObjectCreated:Put", "in/a.jpg"), 1);
  assert.equal(count("ObjectCreated:Put", "in/a.png"), 0);
  assert.equal(count("ObjectCreated:Put", "out/a.jpg"), 0);
  assert.equal(count("ObjectRemoved:Delete", "in/a.jpg"), 0);
});

test("the records of an event are AWS's", () => {
  const bucket = { name: "b", region: "eu-west-1", account: "000000000000" } as Bucket;
  const event: ObjectEvent = {
    name: "ObjectRemoved:DeleteMarkerCreated",
    key: "a b/c",
    versionId: "v",
    sequence: 255,
    atMs: 0,
    request: { requestId: "r", hostId: "h", principalId: "AWS:x", account: "000000000000", sourceIp: "::1" },
  };
  const [record] = JSON.parse(notificationText(bucket, event, "conf")).Records;
  assert.equal(record.eventTime, "1970-01-01T00:00:00.000Z");
  assert.deepEqual(record.s3.object, { key: "a+b/c", versionId: "v", sequencer: "0000000000000000FF" });
  const { detailType, detail } = busDetail(bucket, event);
  assert.equal(detailType, "Object Deleted");
  assert.equal(JSON.parse(detail)["deletion-type"], "Delete Marker Created");
  assert.equal(JSON.parse(detail).object.key, "a b/c");
});
