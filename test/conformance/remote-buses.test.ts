import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CreateEventBusCommand, PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { openRemoteBuses, type RemoteBuses } from "../../src/adapters/bus-eventbridge/bus-eventbridge.ts";
import { DeliveryRefused } from "../../src/ports/event-targets.ts";
import { type EventsEndpoint, openEventsEndpoint } from "../support/events-endpoint.ts";

const BUS = "arn:aws:events:eu-west-1:000000000000:event-bus/remote";
const QUEUE = "arn:aws:sqs:eu-west-1:000000000000:orders";

let bridge: EventsEndpoint;
let remote: RemoteBuses;
before(async () => {
  process.env["AWS_ACCESS_KEY_ID"] = "test";
  process.env["AWS_SECRET_ACCESS_KEY"] = "test";
  bridge = await openEventsEndpoint();
  remote = openRemoteBuses({ endpoint: await bridge.endpointUrl() });
});
after(async () => {
  remote?.close();
  await bridge?.close();
});

test("events go to a bus at another endpoint; what it refuses is refused", async () => {
  await bridge.events.send(new CreateEventBusCommand({ Name: "remote" }));
  const rule = { Name: "r", EventBusName: "remote" };
  await bridge.events.send(new PutRuleCommand({ ...rule, EventPattern: '{"source":["shop"]}' }));
  const Targets = [{ Id: "q", Arn: QUEUE }];
  await bridge.events.send(new PutTargetsCommand({ Rule: "r", EventBusName: "remote", Targets }));
  const delivery = {
    source: "shop",
    detailType: "order",
    detail: '{"id":1}',
    resources: ["arn:one"],
    timeMs: 0,
  };
  const sender = {
    servicePrincipal: "lambda.amazonaws.com",
    sourceArn: "arn:f",
    sourceAccount: "000000000000",
  };
  await remote.toBus(BUS, delivery, sender);
  await bridge.settle();
  const { source, detail, resources, time } = JSON.parse(String(bridge.arrived[0]?.delivery["body"]));
  assert.deepEqual(
    [source, detail, resources, time],
    ["shop", { id: 1 }, ["arn:one"], "1970-01-01T00:00:00Z"],
  );
  await assert.rejects(remote.toBus(BUS, { ...delivery, source: "aws.x" }, sender), (error: Error) => {
    assert.ok(error instanceof DeliveryRefused);
    assert.equal(error.code, "NotAuthorizedForSource");
    return true;
  });
});
