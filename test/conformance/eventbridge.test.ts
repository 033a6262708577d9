import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  CreateEventBusCommand,
  DeleteEventBusCommand,
  DeleteRuleCommand,
  DescribeEventBusCommand,
  DescribeRuleCommand,
  DisableRuleCommand,
  EnableRuleCommand,
  InvalidEventPatternException,
  LimitExceededException,
  ListEventBusesCommand,
  ListRuleNamesByTargetCommand,
  ListRulesCommand,
  ListTagsForResourceCommand,
  ListTargetsByRuleCommand,
  PutPermissionCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemovePermissionCommand,
  RemoveTargetsCommand,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  TagResourceCommand,
  type Target,
  UntagResourceCommand,
  UpdateEventBusCommand,
} from "@aws-sdk/client-eventbridge";
import { type EventsEndpoint, openEventsEndpoint } from "../support/events-endpoint.ts";

const BASE = "arn:aws:events:eu-west-1:000000000000:";
const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:orders";

let bridge: EventsEndpoint;
before(async () => {
  bridge = await openEventsEndpoint();
});
after(() => bridge.close());
beforeEach(() => {
  bridge.answer = () => undefined;
  bridge.arrived.length = 0;
});

describe("event buses", () => {
  test("are created, described, listed, changed and deleted; the default one is there", async () => {
    const { events } = bridge;
    const Name = "orders";
    const created = await events.send(new CreateEventBusCommand({ Name, Description: "of orders" }));
    assert.equal(created.EventBusArn, `${BASE}event-bus/orders`);
    await assert.rejects(events.send(new CreateEventBusCommand({ Name })), (error: Error) => {
      assert.ok(error instanceof ResourceAlreadyExistsException);
      assert.equal(error.message, "Event bus orders already exists.");
      return true;
    });
    const described = await events.send(new DescribeEventBusCommand({ Name: `${BASE}event-bus/orders` }));
    assert.deepEqual([described.Name, described.Description], ["orders", "of orders"]);
    const { EventBuses } = await events.send(new ListEventBusesCommand({}));
    assert.deepEqual(
      EventBuses?.map((bus) => bus.Name),
      ["default", "orders"],
    );
    const first = await events.send(new ListEventBusesCommand({ Limit: 1 }));
    const { NextToken } = first;
    const second = await events.send(new ListEventBusesCommand({ NextToken }));
    assert.deepEqual(
      second.EventBuses?.map((bus) => bus.Name),
      ["orders"],
    );
    await events.send(new UpdateEventBusCommand({ Name, Description: "changed" }));
    assert.equal((await events.send(new DescribeEventBusCommand({ Name }))).Description, "changed");
    await events.send(new DeleteEventBusCommand({ Name }));
    await assert.rejects(events.send(new DescribeEventBusCommand({ Name })), (error: Error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.message, "Event bus orders does not exist.");
      return true;
    });
    assert.equal((await events.send(new DescribeEventBusCommand({}))).Arn, `${BASE}event-bus/default`);
    await assert.rejects(events.send(new DeleteEventBusCommand({ Name: "default" })), /Cannot delete/);
  });

  test("have a policy, statement by statement or as a whole", async () => {
    const { events } = bridge;
    await events.send(
      new PutPermissionCommand({ StatementId: "one", Action: "events:PutEvents", Principal: "111122223333" }),
    );
    const policy = async () => {
      const { Policy } = await events.send(new DescribeEventBusCommand({}));
      return Policy === undefined ? undefined : JSON.parse(Policy);
    };
    assert.deepEqual(await policy(), {
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "one",
          Effect: "Allow",
          Principal: { AWS: "arn:aws:iam::111122223333:root" },
          Action: "events:PutEvents",
          Resource: `${BASE}event-bus/default`,
        },
      ],
    });
    await events.send(new RemovePermissionCommand({ StatementId: "one" }));
    assert.equal(await policy(), undefined);
    await assert.rejects(
      events.send(new RemovePermissionCommand({ StatementId: "one" })),
      ResourceNotFoundException,
    );
    await assert.rejects(events.send(new PutPermissionCommand({ Policy: "{}" })), {
      name: "ValidationException",
    });
  });
});

describe("rules", () => {
  test("are put, described, listed, switched, tagged and deleted", async () => {
    const { events } = bridge;
    const EventPattern = '{"source":["shop"]}';
    const Tags = [{ Key: "team", Value: "north" }];
    const { RuleArn } = await events.send(new PutRuleCommand({ Name: "r", EventPattern, Tags }));
    assert.equal(RuleArn, `${BASE}rule/r`);
    const { $metadata: _m, ...described } = await events.send(new DescribeRuleCommand({ Name: "r" }));
    assert.deepEqual(described, {
      Name: "r",
      Arn: RuleArn,
      EventPattern,
      State: "ENABLED",
      EventBusName: "default",
      CreatedBy: "000000000000",
    });
    await events.send(new DisableRuleCommand({ Name: "r" }));
    assert.equal((await events.send(new DescribeRuleCommand({ Name: "r" }))).State, "DISABLED");
    await events.send(new EnableRuleCommand({ Name: "r" }));
    const { Rules } = await events.send(new ListRulesCommand({ NamePrefix: "r" }));
    assert.deepEqual(
      Rules?.map(({ Name, State }) => [Name, State]),
      [["r", "ENABLED"]],
    );
    const ResourceARN = RuleArn;
    await events.send(new TagResourceCommand({ ResourceARN, Tags: [{ Key: "cost", Value: "1" }] }));
    await events.send(new UntagResourceCommand({ ResourceARN, TagKeys: ["team"] }));
    const tagged = await events.send(new ListTagsForResourceCommand({ ResourceARN }));
    assert.deepEqual(tagged.Tags, [{ Key: "cost", Value: "1" }]);
    await events.send(new DeleteRuleCommand({ Name: "r" }));
    await events.send(new DeleteRuleCommand({ Name: "r" }));
    await assert.rejects(events.send(new DescribeRuleCommand({ Name: "r" })), (error: Error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.message, "Rule r does not exist on EventBus default.");
      return true;
    });
  });

  test("need a pattern or a schedule that is one", async () => {
    const { events } = bridge;
    const rule = (members: object) => events.send(new PutRuleCommand({ Name: "bad", ...members }));
    await assert.rejects(rule({}), /EventPattern or ScheduleExpression must be specified/);
    await assert.rejects(rule({ EventPattern: '{"source":"shop"}' }), InvalidEventPatternException);
    for (const ScheduleExpression of ["rate(1 minutes)", "cron(* * * * * *)", "at(2030-01-01T00:00:00)"])
      await assert.rejects(rule({ ScheduleExpression }), /Parameter ScheduleExpression is not valid/);
  });

  test("have targets", async () => {
    const { events } = bridge;
    await events.send(new PutRuleCommand({ Name: "t", EventPattern: '{"source":["never"]}' }));
    const targets = (...Targets: Target[]) => events.send(new PutTargetsCommand({ Rule: "t", Targets }));
    const answer = await targets({ Id: "q", Arn: QUEUE }, { Id: "bad", Arn: "nonsense" });
    assert.deepEqual(
      answer.FailedEntries?.map(({ TargetId, ErrorCode }) => [TargetId, ErrorCode]),
      [["bad", "ValidationException"]],
    );
    await targets({ Id: "q", Arn: QUEUE, Input: '{"a":1}', RetryPolicy: { MaximumRetryAttempts: 3 } });
    const { Targets } = await events.send(new ListTargetsByRuleCommand({ Rule: "t" }));
    assert.deepEqual(Targets, [
      { Id: "q", Arn: QUEUE, Input: '{"a":1}', RetryPolicy: { MaximumRetryAttempts: 3 } },
    ]);
    const { RuleNames } = await events.send(new ListRuleNamesByTargetCommand({ TargetArn: QUEUE }));
    assert.deepEqual(RuleNames, ["t"]);
    await assert.rejects(events.send(new DeleteRuleCommand({ Name: "t" })), /since it has targets/);
    const many = ["1", "2", "3", "4", "5"].map((Id) => ({ Id, Arn: QUEUE }));
    await assert.rejects(targets(...many), LimitExceededException);
    for (const [target, expected] of [
      [{ Id: "x", Arn: "arn:aws:states:eu-west-1:000000000000:stateMachine:m" }, /not supported/],
      [{ Id: "x", Arn: QUEUE, HttpParameters: {} }, /HttpParameters is not supported/],
      [{ Id: "x", Arn: `${QUEUE}.fifo` }, /SqsParameters must be specified/],
      [{ Id: "x", Arn: QUEUE, Input: "{" }, /JSON syntax error in input/],
      [{ Id: "x", Arn: QUEUE, InputPath: "detail" }, /InputPath for target x is invalid/],
      [{ Id: "x", Arn: QUEUE, InputTransformer: { InputTemplate: '"<a>"' } }, /placeholder a/],
      [{ Id: "x", Arn: `${BASE}event-bus/default` }, /the event bus that the rule belongs to/],
    ] as [Target, RegExp][])
      await assert.rejects(targets(target), expected);
    const removed = await events.send(new RemoveTargetsCommand({ Rule: "t", Ids: ["q", "none"] }));
    assert.deepEqual(
      removed.FailedEntries?.map(({ TargetId }) => TargetId),
      ["none"],
    );
    await events.send(new DeleteRuleCommand({ Name: "t" }));
  });
});
