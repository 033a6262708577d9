import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { cloudWatchService } from "../src/aws-api/services/cloudwatch/cloudwatch-service.ts";
import { eventBridgeService } from "../src/aws-api/services/eventbridge/eventbridge-service.ts";
import { iamService } from "../src/aws-api/services/iam/iam-service.ts";
import { lambdaService } from "../src/aws-api/services/lambda/lambda-service.ts";
import { logsService } from "../src/aws-api/services/logs/logs-service.ts";
import { schedulerService } from "../src/aws-api/services/scheduler/scheduler-service.ts";
import { sqsService } from "../src/aws-api/services/sqs/sqs-service.ts";
import { stsService } from "../src/aws-api/services/sts/sts-service.ts";
import { memberTable, writtenMemberTable } from "./member-table.ts";

/** Stands for dependencies that only handlers use, when they are called. */
const unused: never = new Proxy(() => unused, { get: () => unused }) as never;

const SERVICES = {
  Lambda: [lambdaService(unused)],
  "IAM and STS": [iamService(unused), stsService(unused)],
  "CloudWatch Logs": [logsService(unused)],
  "CloudWatch metrics": [cloudWatchService(unused)],
  SQS: [sqsService(unused)],
  EventBridge: [eventBridgeService(unused)],
  "EventBridge Scheduler": [schedulerService(unused)],
};

const text = readFileSync(join(import.meta.dirname, "..", "docs", "compatibility.md"), "utf8");

/** Operations that the table below a heading says are there. */
function documented(heading: string): string[] {
  const section = text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return section
    .split("\n")
    .filter((line) => line.startsWith("| `") && !/^\|[^|]*\| not yet/.test(line))
    .flatMap((line) =>
      [...(line.split("|")[1] ?? "").matchAll(/`([A-Z][A-Za-z]+)`/g)].map(([, name = ""]) => name),
    );
}

for (const [heading, services] of Object.entries(SERVICES))
  test(`docs/compatibility.md has a row for each operation of ${heading}, and for no other`, () => {
    const handled = services.flatMap((service) => Object.keys(service.handlers));
    assert.ok(handled.length > 0);
    assert.deepEqual(documented(heading).toSorted(), handled.toSorted());
  });

test("docs/compatibility-members.md is what the model and the code say (node tools/member-table.ts --write)", () => {
  assert.equal(writtenMemberTable(), memberTable());
});
