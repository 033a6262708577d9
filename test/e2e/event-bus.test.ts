import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  FilterLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  EventBridgeClient,
  PutEventsCommand,
  PutRuleCommand,
  PutTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import { AddPermissionCommand, type LambdaClient } from "@aws-sdk/client-lambda";
import { CreateScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { clientConfiguration, deploy, lambdaClient } from "../support/deploy.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const ACCOUNT = "000000000000";
const FUNCTION = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:listener`;
const LOG_GROUP = "/aws/events/all";
const LISTENER = `
  export const handler = async (event) => console.log("GOT " + JSON.stringify(event));
`;

describe("events on a bus and schedules", () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  let events: EventBridgeClient;
  let schedules: SchedulerClient;
  let logs: CloudWatchLogsClient;

  function connect(endpoint: string): void {
    lambda = lambdaClient(endpoint);
    events = new EventBridgeClient(clientConfiguration(endpoint));
    schedules = new SchedulerClient(clientConfiguration(endpoint));
    logs = new CloudWatchLogsClient(clientConfiguration(endpoint));
  }

  before(async () => {
    lambent = await startLambent();
    connect(lambent.endpoint);
    await deploy(lambda, "listener", { "index.mjs": LISTENER });
  });
  after(async () => {
    for (const client of [lambda, events, schedules, logs]) client?.destroy();
    await lambent?.stop();
    if (lambent !== undefined) await rm(lambent.dataDirectory, { recursive: true, force: true });
  });

  /** Messages of a group with a word, when there are that many. */
  async function messages(logGroupName: string, word: string, count: number): Promise<string[]> {
    for (let attempt = 0; ; attempt++) {
      const { events: found = [] } = await logs
        .send(new FilterLogEventsCommand({ logGroupName, filterPattern: `"${word}"` }))
        .catch(() => ({ events: [] }));
      if (found.length >= count || attempt > 50) return found.map(({ message = "" }) => message);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  const received = (word: string, count: number): Promise<string[]> =>
    messages("/aws/lambda/listener", word, count);

  test("a rule's event runs a function that permits it, and is written to a log group", async () => {
    const EventPattern = '{"source":["shop"],"detail":{"total":[{"numeric":[">",10]}]}}';
    const { RuleArn } = await events.send(new PutRuleCommand({ Name: "shop", EventPattern }));
    await logs.send(new CreateLogGroupCommand({ logGroupName: LOG_GROUP }));
    const Targets = [
      {
        Id: "listener",
        Arn: FUNCTION,
        InputTransformer: {
          InputPathsMap: { total: "$.detail.total" },
          InputTemplate: '{"word":"<total>-transformed"}',
        },
      },
      { Id: "log", Arn: `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:${LOG_GROUP}` },
    ];
    await events.send(new PutTargetsCommand({ Rule: "shop", Targets }));
    const put = (total: number) => {
      const Detail = JSON.stringify({ total });
      return events.send(
        new PutEventsCommand({ Entries: [{ Source: "shop", DetailType: "order", Detail }] }),
      );
    };
    // Without the function's permission nothing runs.
    await put(11);
    assert.equal((await messages(LOG_GROUP, "total", 1)).length, 1);
    await lambda.send(
      new AddPermissionCommand({
        FunctionName: "listener",
        StatementId: "events",
        Action: "lambda:InvokeFunction",
        Principal: "events.amazonaws.com",
        SourceArn: RuleArn,
      }),
    );
    await put(9);
    await put(12);
    assert.deepEqual(
      (await received("transformed", 1)).map((message) => /GOT .*/.exec(message)?.[0]),
      ['GOT {"word":"12-transformed"}'],
    );
    assert.equal((await messages(LOG_GROUP, "total", 2)).length, 2);
  });

  test("a schedule runs a function with a role that nobody made, where access is open", async () => {
    await schedules.send(
      new CreateScheduleCommand({
        Name: "once",
        ScheduleExpression: "rate(1 day)",
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: {
          Arn: FUNCTION,
          RoleArn: `arn:aws:iam::${ACCOUNT}:role/made-up`,
          Input: '{"scheduled":"<aws.scheduler.attempt-number>"}',
        },
      }),
    );
    assert.match((await received("scheduled", 1)).join(), /GOT \{"scheduled":"1"\}/);
  });

  test("events that were taken survive a kill", async () => {
    const entry = (index: number) => ({
      Source: "shop",
      DetailType: "order",
      Detail: JSON.stringify({ total: 1_000 + index }),
    });
    for (let batch = 0; batch < 3; batch++) {
      const Entries = Array.from({ length: 10 }, (_, index) => entry(10 * batch + index));
      await events.send(new PutEventsCommand({ Entries }));
    }
    const { dataDirectory } = lambent;
    await lambent.kill();
    for (const client of [lambda, events, schedules, logs]) client.destroy();
    lambent = await startLambent({ dataDirectory });
    connect(lambent.endpoint);
    // The log group is on disk before a delivery is over; what a function logs is not.
    const totals = new Set<string>();
    for (let attempt = 0; attempt < 20 && totals.size < 30; attempt++)
      for (const message of await messages(LOG_GROUP, "total", 32 + attempt))
        totals.add(/"total":(10\d\d)\b/.exec(message)?.[1] ?? "none");
    totals.delete("none");
    assert.equal(totals.size, 30);
  });
});
