import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  CreateEventBusCommand,
  DeleteEventBusCommand,
  DeleteRuleCommand,
  DisableRuleCommand,
  InvalidEventPatternException,
  PutEventsCommand,
  type PutEventsRequestEntry,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
  type Target,
  TestEventPatternCommand,
} from "@aws-sdk/client-eventbridge";
import { DeliveryRefused } from "../../src/ports/event-targets.ts";
import { type EventsEndpoint, openEventsEndpoint } from "../support/events-endpoint.ts";

const BASE = "arn:aws:events:eu-west-1:000000000000:";
const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:orders";
const DEAD_LETTERS = "arn:aws:sqs:eu-west-1:000000000000:dead";
const FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:handler";
const TOPIC = "arn:aws:sns:eu-west-1:000000000000:news";

let bridge: EventsEndpoint;
before(async () => {
  bridge = await openEventsEndpoint();
});
after(() => bridge.close());
beforeEach(() => {
  bridge.answer = () => undefined;
  bridge.arrived.length = 0;
});

const ORDER = { Source: "shop", DetailType: "order", Detail: '{"id": 7, "total":12345678901234567890}' };

async function put(...entries: PutEventsRequestEntry[]) {
  const { Entries = [] } = await bridge.events.send(new PutEventsCommand({ Entries: entries }));
  await bridge.settle();
  return Entries;
}

/** A rule with its targets; removed when the test has run. */
async function withRule(
  targets: readonly Omit<Target, "Id">[],
  run: (ruleArn: string) => Promise<void>,
  EventPattern = '{"source":["shop"]}',
): Promise<void> {
  const { RuleArn = "" } = await bridge.events.send(new PutRuleCommand({ Name: "shop", EventPattern }));
  const Targets = targets.map((target, index) => ({ ...target, Id: `t${index}` })) as Target[];
  const { FailedEntryCount } = await bridge.events.send(new PutTargetsCommand({ Rule: "shop", Targets }));
  assert.equal(FailedEntryCount, 0);
  try {
    await run(RuleArn);
  } finally {
    await bridge.events.send(
      new RemoveTargetsCommand({ Rule: "shop", Ids: Targets.map(({ Id = "" }) => Id) }),
    );
    await bridge.events.send(new DeleteRuleCommand({ Name: "shop" }));
  }
}

const text = (payload: unknown): string => Buffer.from(payload as Uint8Array).toString();

describe("events", () => {
  test("reach every target of a matching rule, as they were sent", () =>
    withRule([{ Arn: QUEUE }, { Arn: FUNCTION }, { Arn: TOPIC }], async (ruleArn) => {
      const Time = new Date(1_700_000_000_000);
      const [entry] = await put({ ...ORDER, Time, Resources: ["arn:one"] });
      await put({ ...ORDER, Source: "other" });
      const expected =
        `{"version":"0","id":"${entry?.EventId}","detail-type":"order","source":"shop","account":"000000000000",` +
        `"time":"2023-11-14T22:13:20Z","region":"eu-west-1","resources":["arn:one"],"detail":${ORDER.Detail}}`;
      const [queue, called, topic] = bridge.arrived;
      assert.equal(bridge.arrived.length, 3);
      assert.deepEqual([queue?.arn, queue?.delivery.body], [QUEUE, expected]);
      assert.deepEqual([called?.arn, text(called?.delivery.payload)], [FUNCTION, expected]);
      assert.deepEqual([topic?.arn, topic?.delivery.message], [TOPIC, expected]);
      assert.deepEqual(queue?.sender, {
        servicePrincipal: "events.amazonaws.com",
        sourceArn: ruleArn,
        sourceAccount: "000000000000",
      });
    }));

  test("reach nobody through a disabled rule", () =>
    withRule([{ Arn: QUEUE }], async () => {
      await bridge.events.send(new DisableRuleCommand({ Name: "shop" }));
      await put(ORDER);
      assert.equal(bridge.arrived.length, 0);
    }));

  test("have errors each of its own", async () => {
    const entries = await put(
      ORDER,
      { ...ORDER, Source: undefined },
      { ...ORDER, DetailType: "" },
      { ...ORDER, Detail: undefined },
      { ...ORDER, Detail: "[]" },
      { ...ORDER, Detail: "{" },
      { ...ORDER, Source: "aws.s3" },
      { ...ORDER, EventBusName: "missing" },
    );
    assert.deepEqual(
      entries.map(({ ErrorCode, ErrorMessage }) => [ErrorCode, ErrorMessage]),
      [
        [undefined, undefined],
        ["InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."],
        ["InvalidArgument", "Parameter DetailType is not valid. Reason: DetailType is a required argument."],
        ["InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."],
        ["MalformedDetail", "Detail is malformed."],
        ["MalformedDetail", "Detail is malformed."],
        ["NotAuthorizedForSource", "Not authorized for the source."],
        [undefined, undefined],
      ],
    );
    const Detail = JSON.stringify({ text: "x".repeat(600_000) });
    await assert.rejects(put({ ...ORDER, Detail }, { ...ORDER, Detail }), /Total size of the entries/);
    await assert.rejects(put(...Array.from({ length: 11 }, () => ORDER)), { name: "ValidationException" });
  });

  test("of almost a megabyte are delivered and leave nothing behind", () =>
    withRule([{ Arn: QUEUE }], async () => {
      const Detail = JSON.stringify({ text: "x".repeat(1_000_000) });
      await put({ ...ORDER, Detail });
      assert.ok(String(bridge.arrived[0]?.delivery.body).endsWith(`"detail":${Detail}}`));
      assert.equal(bridge.store.blobs.blobs.size, 0);
    }));

  test("are changed on their way: a part, a constant, a template of JSON and one of text", () =>
    withRule(
      [
        { Arn: QUEUE, InputPath: "$.detail" },
        { Arn: QUEUE, Input: '{"fixed":true}' },
        {
          Arn: QUEUE,
          InputTransformer: {
            InputPathsMap: {
              id: "$.detail.id",
              names: "$.detail.lines[*].name",
              first: "$.detail.lines[0].name",
            },
            InputTemplate:
              '{"order":<id>,"names":<names>,"first":<first>,"text":"<first> of <id> in <names>",' +
              '"rule":"<aws.events.rule-name>","arn":<aws.events.rule-arn>,"none":"<aws.events.event.ingestion-time>"}',
          },
        },
        {
          Arn: QUEUE,
          InputTransformer: {
            InputPathsMap: { id: "$.detail.id", first: "$.detail.lines[0].name", gone: "$.detail.gone" },
            InputTemplate: '"Order <id> with <first><gone>."',
          },
        },
        { Arn: QUEUE, InputTransformer: { InputTemplate: '{"all":<aws.events.event.json>}' } },
      ],
      async (ruleArn) => {
        const Detail = '{"id":7,"lines":[{"name":"a \\"b\\""},{"name":"c"}]}';
        await put({ ...ORDER, Detail });
        const bodies = bridge.arrived.map(({ delivery }) => String(delivery.body));
        assert.deepEqual(JSON.parse(bodies[0] ?? ""), JSON.parse(Detail));
        assert.equal(bodies[1], '{"fixed":true}');
        assert.deepEqual(JSON.parse(bodies[2] ?? ""), {
          order: 7,
          names: ['a "b"', "c"],
          first: 'a "b"',
          text: 'a "b" of 7 in ["a \\"b\\"","c"]',
          rule: "shop",
          arn: ruleArn,
          none: new Date(bridge.clock.nowMs()).toISOString(),
        });
        assert.equal(bodies[3], '"Order 7 with a \\"b\\"."');
        assert.equal(JSON.parse(bodies[4] ?? "").all.source, "shop");
      },
    ));

  test("go on to another bus, to FIFO queues with a group and to log groups", async () => {
    await bridge.events.send(new CreateEventBusCommand({ Name: "second" }));
    await bridge.events.send(
      new PutRuleCommand({ Name: "s", EventBusName: "second", EventPattern: '{"source":["shop"]}' }),
    );
    const Targets = [
      { Id: "f", Arn: `${QUEUE}.fifo`, SqsParameters: { MessageGroupId: "g" } },
      { Id: "l", Arn: "arn:aws:logs:eu-west-1:000000000000:log-group:/aws/events/all" },
    ];
    await bridge.events.send(new PutTargetsCommand({ Rule: "s", EventBusName: "second", Targets }));
    await withRule([{ Arn: `${BASE}event-bus/second` }], async () => {
      await put(ORDER);
      const queue = bridge.arrived.find(({ to }) => to === "toQueue");
      const log = bridge.arrived.find(({ to }) => to === "log group");
      assert.equal(queue?.delivery.groupId, "g");
      assert.equal(queue?.sender.sourceArn, `${BASE}rule/second/s`);
      assert.match(String(queue?.delivery.body), /12345678901234567890\}\}$/);
      assert.equal(log?.arn, "/aws/events/all");
      assert.equal(log?.delivery.message, queue?.delivery.body);
    });
    await assert.rejects(bridge.events.send(new DeleteEventBusCommand({ Name: "second" })), /has rules/);
  });

  test("that rules lead in a circle end in the dead-letter queue", async () => {
    await bridge.events.send(new CreateEventBusCommand({ Name: "ring" }));
    await bridge.events.send(
      new PutRuleCommand({ Name: "back", EventBusName: "ring", EventPattern: '{"source":["shop"]}' }),
    );
    const Targets = [
      { Id: "b", Arn: `${BASE}event-bus/default`, DeadLetterConfig: { Arn: DEAD_LETTERS } },
      { Id: "q", Arn: QUEUE },
    ];
    await bridge.events.send(new PutTargetsCommand({ Rule: "back", EventBusName: "ring", Targets }));
    const target = { Arn: `${BASE}event-bus/ring`, DeadLetterConfig: { Arn: DEAD_LETTERS } };
    await withRule([target], async () => {
      await put(ORDER);
      for (let hop = 0; hop < 20; hop++) await bridge.settle();
      const dead = bridge.arrived.filter(({ arn }) => arn === DEAD_LETTERS);
      assert.equal(dead.length, 1);
      const attributes = dead[0]?.delivery.attributes as Record<string, { stringValue: string }>;
      assert.equal(attributes.ERROR_CODE?.stringValue, "EventLoopDetected");
      assert.equal(bridge.arrived.filter(({ arn }) => arn === QUEUE).length, 8);
    });
  });

  test("that a target does not take now are tried again, then go to the dead-letter queue", () =>
    withRule(
      [{ Arn: QUEUE, RetryPolicy: { MaximumRetryAttempts: 2 }, DeadLetterConfig: { Arn: DEAD_LETTERS } }],
      async (ruleArn) => {
        let attempts = 0;
        bridge.answer = ({ arn }) => {
          if (arn !== QUEUE) return;
          attempts++;
          throw new Error("busy");
        };
        await put(ORDER);
        assert.equal(attempts, 1);
        await bridge.advance(1_000);
        await bridge.advance(2_000);
        assert.equal(attempts, 3);
        const [dead] = bridge.arrived;
        assert.equal(dead?.arn, DEAD_LETTERS);
        assert.equal(JSON.parse(String(dead?.delivery.body)).source, "shop");
        const attributes = dead?.delivery.attributes as Record<string, { stringValue: string }>;
        assert.deepEqual(
          Object.fromEntries(
            Object.entries(attributes).map(([name, { stringValue }]) => [name, stringValue]),
          ),
          {
            RULE_ARN: ruleArn,
            TARGET_ARN: QUEUE,
            ERROR_CODE: "INTERNAL_ERROR",
            ERROR_MESSAGE: "busy",
            RETRY_ATTEMPTS: "2",
            EXHAUSTED_RETRY_CONDITION: "MaximumRetryAttempts",
          },
        );
      },
    ));

  test("that a target refuses go to the dead-letter queue at once; a queue that is busy gets them later", () =>
    withRule([{ Arn: FUNCTION, DeadLetterConfig: { Arn: DEAD_LETTERS } }], async () => {
      let isBusy = true;
      bridge.answer = ({ arn }) => {
        if (arn === FUNCTION) throw new DeliveryRefused("ResourceNotFoundException", "gone");
        if (isBusy) throw new Error("busy");
      };
      await put(ORDER);
      assert.equal(bridge.arrived.length, 0);
      isBusy = false;
      await bridge.advance(5_000);
      assert.equal(bridge.arrived.length, 1);
      const attributes = bridge.arrived[0]?.delivery.attributes as Record<string, { stringValue: string }>;
      assert.equal(attributes.ERROR_CODE?.stringValue, "ResourceNotFoundException");
      assert.equal(attributes.EXHAUSTED_RETRY_CONDITION, undefined);
    }));

  test("are given up when they are too old", () =>
    withRule([{ Arn: QUEUE, RetryPolicy: { MaximumEventAgeInSeconds: 60 } }], async () => {
      let attempts = 0;
      bridge.answer = () => {
        attempts++;
        throw new Error("busy");
      };
      await put(ORDER);
      for (let minute = 0; minute < 10; minute++) await bridge.advance(60_000);
      const last = attempts;
      await bridge.advance(3_600_000);
      assert.equal(attempts, last);
      assert.ok(last >= 2);
    }));

  test("are tried on patterns", async () => {
    const event = {
      id: "1",
      "detail-type": "d",
      source: "shop",
      account: "1",
      time: "t",
      region: "r",
      resources: [],
    };
    const Event = JSON.stringify({ ...event, detail: { total: 5 } });
    const matches = async (EventPattern: string) =>
      (await bridge.events.send(new TestEventPatternCommand({ EventPattern, Event }))).Result;
    assert.equal(await matches('{"detail":{"total":[{"numeric":[">",4]}]}}'), true);
    assert.equal(await matches('{"source":[{"anything-but":"shop"}]}'), false);
    await assert.rejects(matches('{"source":[{"like":"x"}]}'), InvalidEventPatternException);
  });

  test("come from a rule's schedule, with its time", async () => {
    const { events } = bridge;
    await events.send(new PutRuleCommand({ Name: "tick", ScheduleExpression: "rate(5 minutes)" }));
    await events.send(new PutTargetsCommand({ Rule: "tick", Targets: [{ Id: "q", Arn: QUEUE }] }));
    const putAtMs = bridge.clock.nowMs();
    bridge.expected.length = 0;
    await bridge.advance(299_000);
    assert.deepEqual([bridge.arrived, bridge.expected], [[], [QUEUE]]);
    await bridge.advance(1_000);
    await bridge.advance(300_000);
    const bodies = bridge.arrived.map(({ delivery }) => JSON.parse(String(delivery.body)));
    assert.deepEqual(
      bodies.map(({ time }) => time),
      [300_000, 600_000].map((ms) => `${new Date(putAtMs + ms).toISOString().slice(0, 19)}Z`),
    );
    const { source, detail, resources, "detail-type": type } = bodies[0];
    assert.deepEqual(
      [source, type, detail, resources],
      ["aws.events", "Scheduled Event", {}, [`${BASE}rule/tick`]],
    );
    await events.send(new DisableRuleCommand({ Name: "tick" }));
    await bridge.advance(3_600_000);
    assert.equal(bridge.arrived.length, 2);
  });
});
