import assert from "node:assert/strict";
import { test } from "node:test";
import { firstAvailabilityZoneId } from "./availability-zone.ts";

for (const [region, expected] of [
  ["us-east-1", "use1-az1"],
  ["eu-west-3", "euw3-az1"],
  ["ap-southeast-2", "apse2-az1"],
  ["ap-northeast-1", "apne1-az1"],
  ["us-gov-west-1", "usgw1-az1"],
  ["ca-central-1", "cac1-az1"],
] as const)
  test(`the first Availability Zone of ${region} is ${expected}`, () => {
    assert.equal(firstAvailabilityZoneId(region), expected);
  });
