import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  ConflictException,
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  DeleteScheduleGroupCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListScheduleGroupsCommand,
  ListSchedulesCommand,
  ListTagsForResourceCommand,
  ResourceNotFoundException,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateScheduleCommand,
  ValidationException,
} from "@aws-sdk/client-scheduler";
import { DeliveryRefused } from "../../src/ports/event-targets.ts";
import { type EventsEndpoint, eventStores, openEventsEndpoint } from "../support/events-endpoint.ts";
import { ManualClock } from "../support/manual-clock.ts";

const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:ticks";
const DEAD_LETTERS = "arn:aws:sqs:eu-west-1:000000000000:dead";
const RoleArn = "arn:aws:iam::000000000000:role/scheduler";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let scheduler: EventsEndpoint;
before(async () => {
  scheduler = await openEventsEndpoint();
});
after(() => scheduler.close());
beforeEach(() => {
  scheduler.answer = () => undefined;
  scheduler.arrived.length = 0;
});

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 19);

type Members = Omit<Partial<CreateScheduleCommandInput>, "Target"> & { Target?: object };

const scheduleInput = (members: Members): CreateScheduleCommandInput => ({
  Name: "s",
  ScheduleExpression: "rate(10 minutes)",
  FlexibleTimeWindow: { Mode: "OFF" },
  ...members,
  Target: { Arn: QUEUE, RoleArn, Input: "<aws.scheduler.scheduled-time>", ...members.Target },
});

async function create(members: Members, endpoint = scheduler): Promise<void> {
  await endpoint.schedules.send(new CreateScheduleCommand(scheduleInput(members)));
  await endpoint.advance(0);
}

const remove = (Name = "s") => scheduler.schedules.send(new DeleteScheduleCommand({ Name }));

const bodies = (endpoint = scheduler): unknown[] => endpoint.arrived.map(({ delivery }) => delivery.body);

describe("schedules", () => {
  test("are created, shown, listed, changed and deleted", async () => {
    const { schedules, clock } = scheduler;
    const nowMs = clock.nowMs();
    const StartDate = new Date(nowMs + HOUR_MS);
    const input = scheduleInput({
      Description: "ticks",
      StartDate,
      ScheduleExpressionTimezone: "Europe/Zurich",
    });
    const { ScheduleArn } = await schedules.send(new CreateScheduleCommand(input));
    assert.equal(ScheduleArn, "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/s");
    const { $metadata: _m, ...shown } = await schedules.send(new GetScheduleCommand({ Name: "s" }));
    assert.deepEqual(shown, {
      Arn: ScheduleArn,
      GroupName: "default",
      Name: "s",
      ScheduleExpression: "rate(10 minutes)",
      ScheduleExpressionTimezone: "Europe/Zurich",
      StartDate,
      Description: "ticks",
      State: "ENABLED",
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "NONE",
      Target: {
        Arn: QUEUE,
        RoleArn,
        Input: "<aws.scheduler.scheduled-time>",
        RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
      },
      CreationDate: new Date(nowMs),
      LastModificationDate: new Date(nowMs),
    });
    const ClientToken = "token";
    const again = new CreateScheduleCommand({ ...input, Name: "other", ClientToken });
    await schedules.send(again);
    await schedules.send(again);
    await assert.rejects(schedules.send(new CreateScheduleCommand(input)), (error: Error) => {
      assert.ok(error instanceof ConflictException);
      assert.equal(error.message, "Schedule s already exists.");
      return true;
    });
    const first = await schedules.send(new ListSchedulesCommand({ MaxResults: 1 }));
    const { NextToken } = first;
    const second = await schedules.send(new ListSchedulesCommand({ MaxResults: 1, NextToken }));
    assert.deepEqual(
      [first, second].map(({ Schedules }) => Schedules?.map(({ Name }) => Name)),
      [["other"], ["s"]],
    );
    await schedules.send(new UpdateScheduleCommand(scheduleInput({ State: "DISABLED" })));
    const changed = await schedules.send(new GetScheduleCommand({ Name: "s" }));
    assert.deepEqual(
      [changed.State, changed.Description, changed.StartDate],
      ["DISABLED", undefined, undefined],
    );
    await remove();
    await remove("other");
    await assert.rejects(schedules.send(new GetScheduleCommand({ Name: "s" })), (error: Error) => {
      assert.ok(error instanceof ResourceNotFoundException);
      assert.equal(error.message, "Schedule s does not exist.");
      return true;
    });
    assert.equal(scheduler.arrived.length, 0);
  });

  test("need an expression, a time zone, times, a role and a target that are good", async () => {
    const { clock } = scheduler;
    const past = new Date(clock.nowMs() - HOUR_MS);
    for (const [members, expected] of [
      [{ ScheduleExpression: "rate(1 hours)" }, /Invalid Schedule Expression rate\(1 hours\)/],
      [{ ScheduleExpression: "cron(0 9 * * * *)" }, /Invalid Schedule Expression/],
      [{ ScheduleExpression: "at(2030-13-01T00:00:00)" }, /Invalid Schedule Expression/],
      [{ ScheduleExpressionTimezone: "Mars/Olympus" }, /ScheduleExpressionTimezone is not valid/],
      [{ StartDate: past }, /StartDate you specify cannot be earlier than 5 minutes ago/],
      [{ EndDate: past }, /EndDate you specify cannot be in the past/],
      [{ FlexibleTimeWindow: { Mode: "FLEXIBLE" } }, /MaximumWindowInMinutes is required/],
      [
        { Target: { RoleArn: "arn:aws:iam::000000000000:role/nobody" } },
        /must allow AWS EventBridge Scheduler to assume/,
      ],
      [{ Target: { Arn: "arn:aws:ecs:eu-west-1:000000000000:cluster/c" } }, /not supported/],
      [{ Target: { Arn: "arn:aws:scheduler:::aws-sdk:ec2:stopInstances" } }, /not supported/],
      [{ Target: { EcsParameters: { TaskDefinitionArn: "t" } } }, /EcsParameters is not supported/],
      [{ Target: { Arn: "arn:aws:events:eu-west-1:000000000000:event-bus/b" } }, /EventBridgeParameters/],
      [{ GroupName: "missing" }, /Schedule group missing does not exist/],
    ] as [Members, RegExp][])
      await assert.rejects(create(members), expected);
    await assert.rejects(create({ ScheduleExpression: "never" }), ValidationException);
  });

  test("have groups with tags, which take their schedules with them", async () => {
    const { schedules } = scheduler;
    const Tags = [{ Key: "team", Value: "north" }];
    const { ScheduleGroupArn: ResourceArn = "" } = await schedules.send(
      new CreateScheduleGroupCommand({ Name: "g", Tags }),
    );
    assert.equal(ResourceArn, "arn:aws:scheduler:eu-west-1:000000000000:schedule-group/g");
    await assert.rejects(schedules.send(new CreateScheduleGroupCommand({ Name: "g" })), ConflictException);
    assert.equal((await schedules.send(new GetScheduleGroupCommand({ Name: "g" }))).State, "ACTIVE");
    await schedules.send(new TagResourceCommand({ ResourceArn, Tags: [{ Key: "cost", Value: "1" }] }));
    await schedules.send(new UntagResourceCommand({ ResourceArn, TagKeys: ["team"] }));
    const tagged = await schedules.send(new ListTagsForResourceCommand({ ResourceArn }));
    assert.deepEqual(tagged.Tags, [{ Key: "cost", Value: "1" }]);
    const { ScheduleGroups } = await schedules.send(new ListScheduleGroupsCommand({}));
    assert.deepEqual(
      ScheduleGroups?.map(({ Name }) => Name),
      ["default", "g"],
    );
    await create({ GroupName: "g", Name: "inner", State: "DISABLED" });
    const listed = await schedules.send(new ListSchedulesCommand({ GroupName: "g" }));
    assert.deepEqual(
      listed.Schedules?.map(({ Name }) => Name),
      ["inner"],
    );
    await schedules.send(new DeleteScheduleGroupCommand({ Name: "g" }));
    await assert.rejects(
      schedules.send(new GetScheduleCommand({ GroupName: "g", Name: "inner" })),
      ResourceNotFoundException,
    );
    await assert.rejects(
      schedules.send(new DeleteScheduleGroupCommand({ Name: "default" })),
      ValidationException,
    );
  });
});

describe("a schedule runs", () => {
  test("at a rate, at once and then again and again, until it ends, and is deleted then", async () => {
    const startMs = scheduler.clock.nowMs();
    const EndDate = new Date(startMs + 20 * MINUTE_MS);
    await create({ EndDate, ActionAfterCompletion: "DELETE" });
    for (let minute = 0; minute < 40; minute++) await scheduler.advance(MINUTE_MS);
    assert.deepEqual(
      bodies(),
      [0, 10, 20].map((minutes) => `${isoTime(startMs + minutes * MINUTE_MS)}Z`),
    );
    await assert.rejects(remove(), ResourceNotFoundException);
  });

  test("at a rate from its start on", async () => {
    const startMs = scheduler.clock.nowMs() + HOUR_MS;
    await create({ StartDate: new Date(startMs) });
    await scheduler.advance(HOUR_MS - 1);
    assert.equal(scheduler.arrived.length, 0);
    await scheduler.advance(1);
    await scheduler.advance(10 * MINUTE_MS);
    assert.deepEqual(bodies(), [`${isoTime(startMs)}Z`, `${isoTime(startMs + 10 * MINUTE_MS)}Z`]);
    await remove();
  });

  test("by cron in a time zone", async () => {
    // 2023-11-14T22:13:20Z and a while.
    await create({ ScheduleExpression: "cron(0 9 ? * MON-FRI *)", ScheduleExpressionTimezone: "Asia/Tokyo" });
    await scheduler.advance(6 * 24 * HOUR_MS);
    const times = bodies().map(String);
    assert.ok(times.length >= 3);
    for (const time of times) {
      assert.match(time, /T00:00:00Z$/);
      assert.ok(![0, 6].includes(new Date(time).getUTCDay()));
    }
    await remove();
  });

  test("once, in a time zone; what has run does not run again", async () => {
    const { clock, schedules } = scheduler;
    const atMs = Math.ceil(clock.nowMs() / 1000) * 1000 + HOUR_MS;
    // Kolkata is 5 h 30 min ahead all year.
    const ScheduleExpression = `at(${isoTime(atMs + 5.5 * HOUR_MS)})`;
    await create({ ScheduleExpression, ScheduleExpressionTimezone: "Asia/Kolkata" });
    await scheduler.advance(2 * HOUR_MS);
    await scheduler.advance(24 * HOUR_MS);
    assert.deepEqual(bodies(), [`${isoTime(atMs)}Z`]);
    assert.equal((await schedules.send(new GetScheduleCommand({ Name: "s" }))).State, "ENABLED");
    await remove();
  });

  test("somewhere in its flexible window", async () => {
    const { clock } = scheduler;
    const atMs = Math.ceil(clock.nowMs() / 1000) * 1000 + MINUTE_MS;
    const FlexibleTimeWindow = { Mode: "FLEXIBLE" as const, MaximumWindowInMinutes: 60 };
    await create({ ScheduleExpression: `at(${isoTime(atMs)})`, FlexibleTimeWindow });
    let minutes = 0;
    while (scheduler.arrived.length === 0 && minutes++ < 62) await scheduler.advance(MINUTE_MS);
    assert.deepEqual(bodies(), [`${isoTime(atMs)}Z`]);
    await remove();
  });

  test("what it names, with its attributes, and in the words of the role", async () => {
    const Target = {
      Arn: "arn:aws:lambda:eu-west-1:000000000000:function:f",
      Input:
        '{"of":"<aws.scheduler.schedule-arn>","id":"<aws.scheduler.execution-id>","n":"<aws.scheduler.attempt-number>"}',
    };
    await create({ Target });
    const [arrived] = scheduler.arrived;
    assert.ok(arrived);
    const { to, delivery, sender } = arrived;
    const { of, id, n } = JSON.parse(Buffer.from(delivery["payload"] as Uint8Array).toString());
    const arn = "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/s";
    assert.deepEqual([to, of, n], ["toFunction", arn, "1"]);
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(sender, {
      servicePrincipal: "scheduler.amazonaws.com",
      sourceArn: arn,
      sourceAccount: "000000000000",
      roleArn: RoleArn,
    });
    await remove();
  });

  test("topics, FIFO queues, and universal targets", async () => {
    const runs: [object, string, Record<string, unknown>][] = [
      [{ Arn: "arn:aws:sns:eu-west-1:000000000000:t", Input: "hello" }, "toTopic", { message: "hello" }],
      [
        { Arn: `${QUEUE}.fifo`, Input: "x", SqsParameters: { MessageGroupId: "g" } },
        "toQueue",
        { body: "x", groupId: "g" },
      ],
      [
        {
          Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
          Input: '{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/000000000000/ticks","MessageBody":"b"}',
        },
        "toQueue",
        { arn: QUEUE, body: "b" },
      ],
      [
        {
          Arn: "arn:aws:scheduler:::aws-sdk:sns:publish",
          Input: '{"TopicArn":"arn:aws:sns:eu-west-1:000000000000:t","Message":"m","Subject":"s"}',
        },
        "toTopic",
        { message: "m", subject: "s" },
      ],
      [
        {
          Arn: "arn:aws:scheduler:::aws-sdk:lambda:invoke",
          Input:
            '{"FunctionName":"arn:aws:lambda:eu-west-1:000000000000:function:f","InvocationType":"Event"}',
        },
        "toFunction",
        {},
      ],
    ];
    for (const [Target, to, expected] of runs) {
      scheduler.arrived.length = 0;
      await create({ Target });
      const [arrived] = scheduler.arrived;
      assert.equal(arrived?.to, to);
      for (const [name, value] of Object.entries(expected)) assert.equal(arrived?.delivery[name], value);
      await remove();
    }
    const unknown = { Arn: "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", Input: '{"MessageBody":"b"}' };
    await assert.rejects(create({ Target: unknown }), ValidationException);
  });

  test("into the dead-letter queue where the target refuses it, or when its attempts are over", async () => {
    const DeadLetterConfig = { Arn: DEAD_LETTERS };
    scheduler.answer = ({ arn }) => {
      if (arn === QUEUE) throw new DeliveryRefused("AWS.SimpleQueueService.NonExistentQueue", "no queue");
    };
    await create({ Target: { DeadLetterConfig, Input: "lost" } });
    scheduler.answer = ({ arn }) => {
      if (arn === QUEUE) throw new Error("busy");
    };
    const RetryPolicy = { MaximumRetryAttempts: 1 };
    await create({ Name: "second", Target: { DeadLetterConfig, RetryPolicy, Input: "late" } });
    await scheduler.advance(1_000);
    assert.deepEqual(bodies(), ["lost", "late"]);
    const attributes = scheduler.arrived.map(({ delivery }) =>
      Object.fromEntries(
        Object.entries(delivery.attributes as Record<string, { stringValue: string }>).map(
          ([name, value]) => [name, value.stringValue],
        ),
      ),
    );
    assert.deepEqual(
      attributes.map((each) => [each.ERROR_CODE, each.ERROR_MESSAGE, each.EXHAUSTED_RETRY_CONDITION]),
      [
        ["AWS.SimpleQueueService.NonExistentQueue", "no queue", undefined],
        ["INTERNAL_ERROR", "busy", "MaximumRetryAttempts"],
      ],
    );
    assert.equal(attributes[0]?.TARGET_ARN, QUEUE);
    assert.equal(attributes[0]?.SCHEDULE_ARN, "arn:aws:scheduler:eu-west-1:000000000000:schedule/default/s");
    await remove();
    await remove("second");
  });
});

test("a target is told shortly before that it will be called", async () => {
  scheduler.expected.length = 0;
  await create({ Name: "soon", ScheduleExpression: `at(${isoTime(scheduler.clock.nowMs() + MINUTE_MS)})` });
  await scheduler.advance(39_000);
  assert.deepEqual(scheduler.expected, []);
  await scheduler.advance(2_000);
  assert.deepEqual([scheduler.expected, bodies()], [[QUEUE], []]);
  await scheduler.advance(20_000);
  assert.equal(bodies().length, 1);
  await remove("soon");
});

describe("after a stop", () => {
  /** Makes a schedule, stops for a while, starts again. */
  async function stoppedFor(stopMs: number, members: (nowMs: number) => Members): Promise<unknown[]> {
    const clock = new ManualClock();
    const store = eventStores(clock);
    const first = await openEventsEndpoint({ clock, store });
    await create(members(clock.nowMs()), first);
    first.arrived.length = 0;
    await first.close();
    clock.advance(stopMs);
    const second = await openEventsEndpoint({ clock, store });
    await second.advance(1_000);
    await second.advance(11 * MINUTE_MS);
    const ran = bodies(second);
    await second.close();
    return ran;
  }

  test("a one-time schedule that was missed runs once, unless it is too old", async () => {
    const at = (nowMs: number): Members => ({ ScheduleExpression: `at(${isoTime(nowMs + HOUR_MS)})` });
    assert.equal((await stoppedFor(5 * HOUR_MS, at)).length, 1);
    assert.equal((await stoppedFor(26 * HOUR_MS, at)).length, 0);
  });

  test("a rate goes on in its own time, without what was missed", async () => {
    const ran = await stoppedFor(5 * HOUR_MS + 5 * MINUTE_MS, () => ({}));
    assert.equal(ran.length, 1);
  });
});
