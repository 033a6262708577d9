import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryLogStore } from "../../test/support/memory-log-store.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { openCloudWatchLogs } from "../logs/cloudwatch-logs.ts";
import { eventLogTarget } from "./event-log-target.ts";

const group = { account: "123456789012", region: "eu-west-1", logGroupName: "/aws/events/all" };
const sender = {
  servicePrincipal: "events.amazonaws.com",
  sourceArn: "arn:aws:events:eu-west-1:123456789012:rule/all",
  sourceAccount: group.account,
};
const policyFor = (principal: string, resource: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow",
      Principal: { Service: principal },
      Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
      Resource: resource,
      Condition: { ArnEquals: { "aws:SourceArn": sender.sourceArn } },
    },
  });

test("where access is enforced, a policy has to let EventBridge write into a log group", async (t) => {
  const clock = new ManualClock();
  const keyValue = new MemoryKeyValueStore();
  const logs = await openCloudWatchLogs({ logs: new MemoryLogStore(() => clock.nowMs()), keyValue, clock });
  t.after(() => logs.close());
  await logs.groups.create(group, {});
  const put = (access: "open" | "enforced") =>
    eventLogTarget(logs, "s", access).put(group, { timestampMs: clock.nowMs(), message: "{}" }, sender);
  const refused = { code: "AccessDeniedException" };
  await put("open");
  await assert.rejects(put("enforced"), refused);
  const policies = logs.resourcePolicies;
  const resource = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/events/*:*";
  await policies.put(group, "p", policyFor("delivery.logs.amazonaws.com", resource));
  await assert.rejects(put("enforced"), refused);
  await policies.put(group, "p", policyFor("events.amazonaws.com", resource));
  await put("enforced");
  await policies.put(group, "p", policyFor("events.amazonaws.com", resource.replace("events/", "other/")));
  await assert.rejects(put("enforced"), refused);
});
