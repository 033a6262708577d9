import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as lambdaModule from "@aws-sdk/client-lambda";
import { REFUSED_MEMBERS } from "../../tools/member-table.ts";
import { type LambdaEndpoint, openLambdaEndpoint, ROLE_ARN } from "../support/lambda-endpoint.ts";
import { zipOf } from "../support/zip.ts";

const EventSourceArn = "arn:aws:sqs:eu-west-1:000000000000:orders";

describe("members of the Lambda API that are not acted upon", () => {
  let lambda: LambdaEndpoint;
  let ZipFile: Buffer;
  let UUID: string | undefined;
  const created = () => ({
    FunctionName: "f",
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role: ROLE_ARN,
    Code: { ZipFile },
  });
  before(async () => {
    lambda = await openLambdaEndpoint();
    ZipFile = await zipOf({ "index.mjs": "export const handler = async () => 1;" });
    await lambda.client.send(new lambdaModule.CreateFunctionCommand(created() as never));
    await lambda.functions.idle();
    lambda.queues.add(EventSourceArn);
    const mapping = await lambda.client.send(
      new lambdaModule.CreateEventSourceMappingCommand({ FunctionName: "f", EventSourceArn }),
    );
    UUID = mapping.UUID;
  });
  after(() => lambda.close());

  for (const [operation, members] of Object.entries(REFUSED_MEMBERS))
    for (const [member, value] of Object.entries(members))
      test(`${operation} refuses ${member} by name`, async () => {
        const Command = (lambdaModule as unknown as Record<string, new (input: unknown) => never>)[
          `${operation}Command`
        ];
        assert.ok(Command);
        const inputs: Readonly<Record<string, object>> = {
          CreateFunction: { ...created(), FunctionName: "other" },
          CreateEventSourceMapping: { FunctionName: "f", EventSourceArn },
          UpdateEventSourceMapping: { UUID },
        };
        const valid = inputs[operation] ?? { FunctionName: "f" };
        await assert.rejects(
          lambda.client.send(new Command({ ...valid, [member]: value })),
          (error: Error) => {
            assert.equal(error.name, "InvalidParameterValueException", error.message);
            assert.match(
              error.message,
              new RegExp(`^${member}\\b.* is not supported by this version of Lambent`),
            );
            return true;
          },
        );
      });
});
