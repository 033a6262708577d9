import assert from "node:assert/strict";
import { test } from "node:test";
import { creation, functionActions, OWNER, openFunctions } from "../../test/support/function-fixture.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import type { AsyncInvocationRequest } from "../core/invocation.ts";
import { mayDeliver } from "../iam/event-permission.ts";
import { openIam } from "../iam/iam.ts";
import { DeliveryRefused, type EventSender } from "../ports/event-targets.ts";
import { functionTarget } from "./function-target.ts";

const ARN = `arn:aws:lambda:${OWNER.region}:${OWNER.account}:function:f`;
const SENDER: EventSender = {
  servicePrincipal: "s3.amazonaws.com",
  sourceArn: "arn:aws:s3:::bucket",
  sourceAccount: OWNER.account,
};
const delivery = { payload: Buffer.from("{}") };

async function open() {
  const fixture = await openFunctions();
  await functionActions(() => fixture).create();
  const iam = await openIam({ keyValue: new MemoryKeyValueStore(), clock: fixture.clock });
  const accepted: AsyncInvocationRequest[] = [];
  const toFunction = functionTarget({
    functions: fixture.functions,
    invoker: { accept: async (request) => void accepted.push(request) },
    permits: (sender, permission) => mayDeliver(iam.directory, sender, permission),
    newRequestId: () => "request",
  });
  return { ...fixture, toFunction, accepted, iam };
}

const refusal = (code: string) => (error: unknown) => {
  assert.ok(error instanceof DeliveryRefused);
  assert.equal(error.code, code);
  return true;
};

test("a function takes events that its policy allows, from no other source", async () => {
  const { functions, toFunction, accepted } = await open();
  await assert.rejects(toFunction(ARN, delivery, SENDER), refusal("AccessDeniedException"));
  await functions.policies.addPermission(OWNER, {
    reference: "f",
    qualifier: undefined,
    revisionId: undefined,
    statementId: "s3",
    action: "lambda:InvokeFunction",
    principal: "s3.amazonaws.com",
    sourceArn: "arn:aws:s3:::bucket",
  } as never);
  await toFunction(ARN, { ...delivery, traceHeader: "Root=1" }, SENDER);
  assert.deepEqual(accepted, [
    {
      ...OWNER,
      functionName: "f",
      qualifier: undefined,
      requestId: "request",
      payload: delivery.payload,
      traceHeader: "Root=1",
    },
  ]);
  const elsewhere = { ...SENDER, sourceArn: "arn:aws:s3:::other" };
  await assert.rejects(toFunction(ARN, delivery, elsewhere), refusal("AccessDeniedException"));
});

test("what is not there refuses for good; what is being created takes its events", async () => {
  const { functions, codeStore, toFunction, accepted } = await open();
  const trusted = { ...SENDER, roleArn: "arn:aws:iam::123456789012:role/none", hasMadeUpRole: true };
  for (const arn of [`${ARN}:9`, `${ARN}2`, "arn:aws:sqs:eu-west-1:123456789012:q"])
    await assert.rejects(toFunction(arn, delivery, trusted), refusal("ResourceNotFoundException"));
  const release = codeStore.hold();
  await functions.lifecycle.create(OWNER, creation("slow"));
  await toFunction(ARN.replace(/f$/, "slow"), delivery, trusted);
  release();
  await functions.idle();
  assert.equal(accepted.length, 1);
  const large = { payload: Buffer.alloc(1_048_577) };
  await assert.rejects(toFunction(ARN, large, trusted), refusal("RequestEntityTooLargeException"));
  await assert.rejects(
    toFunction(ARN, delivery, { ...trusted, hasMadeUpRole: false }),
    refusal("AccessDeniedException"),
  );
});
