/**
 * The Lambda API as Lambent serves it, with its store in memory and a function that answers at once: what the protocol
 * layer costs without what lies behind it. Prints its port.
 */
import { zipOf } from "../../test/support/deploy.ts";
import { openLambdaEndpoint, ROLE_ARN } from "../../test/support/lambda-endpoint.ts";

const lambda = await openLambdaEndpoint();
const payload = Buffer.from('"hello"');
lambda.answer = () => {
  lambda.invocations.length = 0;
  return { payload, functionError: undefined, logTail: undefined };
};
const { CreateFunctionCommand } = await import("@aws-sdk/client-lambda");
await lambda.client.send(
  new CreateFunctionCommand({
    FunctionName: "hello",
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role: ROLE_ARN,
    Description: "says hello",
    Environment: { Variables: { STAGE: "bench" } },
    Code: { ZipFile: await zipOf({ "index.js": 'exports.handler = async () => "hello";' }) },
  }),
);
process.on("SIGINT", () => process.exit(0));
console.log(new URL(lambda.endpoint).port);
