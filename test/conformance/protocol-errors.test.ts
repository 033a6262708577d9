import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as logs from "@aws-sdk/client-cloudwatch-logs";
import * as iam from "@aws-sdk/client-iam";
import * as lambda from "@aws-sdk/client-lambda";
import * as sts from "@aws-sdk/client-sts";
import { AwsSmithyRpcV2CborProtocol } from "@aws-sdk/core/protocols";
import type { RequestSample } from "../../src/aws-api/protocol/dispatcher.ts";
import { defineService } from "../../src/aws-api/protocol/handlers.ts";
import { AwsError, accessDenied, resourceNotFound } from "../../src/core/errors.ts";
import { clientConfiguration, type ProtocolServer, startProtocolServer } from "../support/protocol-server.ts";

const missing = "Function not found: arn:aws:lambda:eu-west-1:000000000000:function:missing";

const services = [
  defineService({
    signingName: "lambda",
    client: new lambda.LambdaClient(clientConfiguration),
    module: lambda,
    handlers: {
      GetFunction: () => {
        throw resourceNotFound(missing);
      },
      DeleteFunction: () => {
        throw new lambda.ResourceConflictException({ message: "busy <now>", $metadata: {} });
      },
      Invoke: () => {
        throw new AwsError("TooManyRequestsException", "Rate Exceeded.", 429, {
          Reason: "ConcurrentInvocationLimitExceeded",
          retryAfterSeconds: "2",
        });
      },
      ListFunctions: () => {
        throw new Error("the disk at a secret place is full");
      },
    },
  }),
  defineService({
    signingName: "iam",
    client: new iam.IAMClient(clientConfiguration),
    module: iam,
    handlers: {
      GetRole: ({ RoleName }) => {
        throw new AwsError("NoSuchEntity", `The role with name ${RoleName} cannot be found.`, 404);
      },
      ListRoles: () => {
        throw accessDenied("not you & not now");
      },
      ListUsers: () => {
        throw new TypeError("secret");
      },
    },
  }),
  defineService({
    signingName: "sts",
    client: new sts.STSClient(clientConfiguration),
    module: sts,
    handlers: {
      GetCallerIdentity: (_input, { account, region }) => ({ Account: account, UserId: region, Arn: "<&>" }),
      AssumeRoleWithWebIdentity: ({ RoleSessionName }) => ({ SubjectFromWebIdentityToken: RoleSessionName }),
    },
  }),
  defineService({
    signingName: "logs",
    client: new logs.CloudWatchLogsClient(clientConfiguration),
    module: logs,
    handlers: {
      GetLogEvents: () => {
        throw new AwsError("ResourceNotFoundException", "The specified log stream does not exist.");
      },
    },
  }),
];

describe("errors as clients see them", () => {
  let server: ProtocolServer;
  const samples: RequestSample[] = [];
  before(async () => {
    server = await startProtocolServer(services, { onRequest: (sample) => samples.push(sample) });
  });
  after(() => server.close());
  const options = (): object => ({ ...clientConfiguration, endpoint: server.endpoint });
  const lambdaClient = (): lambda.Lambda => new lambda.Lambda(options());

  test("restJson1: a typed error with AWS's members", async () => {
    await assert.rejects(lambdaClient().getFunction({ FunctionName: "missing" }), (error) => {
      assert.ok(error instanceof lambda.ResourceNotFoundException);
      assert.deepEqual([error.message, error.Type, error.$metadata.httpStatusCode], [missing, "User", 404]);
      assert.match(error.$metadata.requestId ?? "", /^[0-9a-f-]{36}$/);
      return true;
    });
    const response = await fetch(`${server.endpoint}/2015-03-31/functions/missing`);
    assert.equal(response.headers.get("x-amzn-errortype"), "ResourceNotFoundException");
    assert.deepEqual(await response.json(), { Type: "User", Message: missing });
  });

  test("restJson1: an exception class of the SDK thrown by a handler", async () => {
    await assert.rejects(
      lambdaClient().deleteFunction({ FunctionName: "f" }),
      (error) => error instanceof lambda.ResourceConflictException && error.message === "busy <now>",
    );
  });

  test("restJson1: members bound to headers", async () => {
    const response = await fetch(`${server.endpoint}/2015-03-31/functions/f/invocations`, { method: "POST" });
    assert.equal(response.status, 429);
    assert.equal(response.headers.get("retry-after"), "2");
    assert.deepEqual(await response.json(), {
      Type: "User",
      message: "Rate Exceeded.",
      Reason: "ConcurrentInvocationLimitExceeded",
    });
  });

  test("restJson1: violated constraints have no Type", async () => {
    const response = await fetch(`${server.endpoint}/2015-03-31/functions/f!`);
    assert.equal(response.headers.get("x-amzn-errortype"), "ValidationException");
    assert.deepEqual(Object.keys((await response.json()) as object), ["message"]);
  });

  test("an operation without a handler is named, and the client does not try again", async () => {
    const client = new lambda.Lambda({ ...options(), maxAttempts: 3 });
    const call = client.putFunctionConcurrency({ FunctionName: "f", ReservedConcurrentExecutions: 1 });
    await assert.rejects(call, (error: lambda.LambdaServiceException) => {
      assert.equal(error.name, "NotImplementedException");
      assert.match(error.message, /^The operation lambda:PutFunctionConcurrency is not implemented/);
      assert.deepEqual([error.$metadata.httpStatusCode, error.$metadata.attempts], [501, 1]);
      return true;
    });
    await assert.rejects(new iam.IAM(options()).listGroups({}), { name: "NotImplementedException" });
    await assert.rejects(new logs.CloudWatchLogs(options()).describeQueries({}), {
      name: "NotImplementedException",
    });
  });

  test("an unexpected error tells nothing and is logged", async () => {
    await assert.rejects(lambdaClient().listFunctions({}), (error) => {
      assert.ok(error instanceof lambda.ServiceException);
      assert.deepEqual([error.Type, error.$metadata.httpStatusCode], ["Service", 500]);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    await assert.rejects(new iam.IAM(options()).listUsers({}), { message: /internal error/ });
    assert.deepEqual(server.logged.splice(0).map(String), [
      "Error: the disk at a secret place is full",
      "TypeError: secret",
    ]);
  });

  test("awsQuery: codes of the query model, escaped text", async () => {
    const client = new iam.IAM(options());
    await assert.rejects(client.getRole({ RoleName: "r" }), (error) => {
      assert.ok(error instanceof iam.NoSuchEntityException);
      assert.deepEqual(
        [error.message, error.$metadata.httpStatusCode],
        ["The role with name r cannot be found.", 404],
      );
      return true;
    });
    await assert.rejects(client.listRoles({}), {
      name: "AccessDeniedException",
      message: "not you & not now",
    });
    await assert.rejects(client.getRole({ RoleName: "r r" }), { name: "ValidationError" });
    const response = await fetch(server.endpoint, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "Action=GetRole&Version=2010-05-08&RoleName=r",
    });
    const body = await response.text();
    assert.match(
      body,
      /^<ErrorResponse xmlns="https:\/\/iam.amazonaws.com\/doc\/2010-05-08\/"><Error><Type>Sender<\/Type><Code>NoSuchEntity<\/Code><Message>The role with name r cannot be found.<\/Message><\/Error><RequestId>[0-9a-f-]{36}<\/RequestId><\/ErrorResponse>$/,
    );
  });

  test("awsQuery: signed, presigned and unsigned requests find their service", async () => {
    const identity = await new sts.STS(options()).getCallerIdentity({});
    assert.deepEqual([identity.Account, identity.UserId, identity.Arn], ["000000000000", "eu-west-1", "<&>"]);
    const credential = encodeURIComponent("AKID/20260101/us-west-2/sts/aws4_request");
    const query = `Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Credential=${credential}`;
    assert.match(await (await fetch(`${server.endpoint}/?${query}`)).text(), /<UserId>us-west-2<\/UserId>/);
    const unsigned = await new sts.STS(options()).assumeRoleWithWebIdentity({
      RoleArn: "arn:aws:iam::000000000000:role/r",
      RoleSessionName: "session",
      WebIdentityToken: "token",
    });
    assert.equal(unsigned.SubjectFromWebIdentityToken, "session");
  });

  test("awsJson 1.1 and rpcv2Cbor", async () => {
    const client = new logs.CloudWatchLogs(options());
    const settings = client.config.protocolSettings;
    const protocol = new AwsSmithyRpcV2CborProtocol(settings as never);
    for (const each of [client, new logs.CloudWatchLogs({ ...options(), protocol })]) {
      const call = each.getLogEvents({ logGroupName: "g", logStreamName: "s" });
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof logs.ResourceNotFoundException);
        assert.equal(error.message, "The specified log stream does not exist.");
        return true;
      });
      await assert.rejects(each.getLogEvents({ logGroupName: "*", logStreamName: "s" }), {
        name: "InvalidParameterException",
        message: /1 validation error detected: Value '\*' at 'logGroupName' failed to satisfy constraint/,
      });
      await assert.rejects(each.describeQueries({}), { name: "NotImplementedException" });
    }
  });

  describe("unknown services and operations are named", () => {
    const scope = (service: string): Record<string, string> => ({
      authorization: `AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
    });
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const cases: [name: string, path: string, options: RequestInit, status: number, body: RegExp][] = [
      [
        "JSON service",
        "/",
        { headers: { ...scope("sqs"), "x-amz-target": "AmazonSQS.SendMessage" } },
        501,
        /"__type":"UnknownServiceException","message":"Lambent does not serve the service AmazonSQS; it serves: iam, lambda, logs, sts\."/,
      ],
      [
        "query service",
        "/",
        { headers: { ...scope("sns"), ...form }, body: "Action=Publish" },
        501,
        /<Code>UnknownServiceException<\/Code><Message>Lambent does not serve the service sns;/,
      ],
      [
        "XML service",
        "/bucket/key",
        { headers: scope("s3"), method: "PUT" },
        501,
        /<Code>UnknownServiceException<\/Code>.*service s3;/,
      ],
      [
        "REST service",
        "/restapis",
        { headers: scope("apigateway") },
        501,
        /{"message":"Lambent does not serve the service apigateway;/,
      ],
      ["no service", "/", {}, 501, /names no AWS service that Lambent serves/],
      [
        "REST operation",
        "/2015-03-31/nothing",
        {},
        404,
        /lambda has no operation POST \/2015-03-31\/nothing/,
      ],
      [
        "JSON operation",
        "/",
        { headers: { "x-amz-target": "Logs_20140328.Fly" } },
        404,
        /"__type":"UnknownOperationException".*Logs_20140328\.Fly/,
      ],
      [
        "query operation",
        "/",
        { headers: { ...scope("iam"), ...form }, body: "Action=Fly&Version=2010-05-08" },
        400,
        /<Code>InvalidAction<\/Code><Message>Could not find operation Fly \(version 2010-05-08\)/,
      ],
    ];
    for (const [name, path, init, status, body] of cases)
      test(name, async () => {
        const response = await fetch(server.endpoint + path, { method: "POST", ...init });
        assert.equal(response.status, status);
        assert.match(await response.text(), body);
        assert.ok(response.headers.get("x-amzn-requestid"));
      });
  });

  test("every request was reported with its outcome", () => {
    assert.ok(
      samples.some(
        ({ service, operation, status }) =>
          service === "lambda" && operation === "GetFunction" && status === 404,
      ),
    );
    assert.ok(
      samples.some(
        ({ service, operation, status }) =>
          service === "unknown" && operation === "unknown" && status === 501,
      ),
    );
    assert.deepEqual(server.logged, []);
  });
});

describe("refusals", () => {
  test("by authenticate and authorize", async () => {
    let refusing: "authenticate" | "authorize" = "authenticate";
    const server = await startProtocolServer(services, {
      authenticate: ({ accessKeyId, region, signingName }) => {
        if (refusing === "authenticate")
          throw new AwsError("UnrecognizedClientException", `${accessKeyId} ${region} ${signingName}`, 403);
        return { account: "1", region: "r", principal: { type: "root", account: "1" } };
      },
      authorize: async ({ service, operation, input }) => {
        throw accessDenied(`${service}:${operation} ${JSON.stringify(input)}`);
      },
    });
    try {
      const client = new lambda.Lambda({ ...clientConfiguration, endpoint: server.endpoint });
      const call = (): Promise<unknown> => client.getFunction({ FunctionName: "f" });
      await assert.rejects(call, {
        name: "UnrecognizedClientException",
        message: "AKIDEXAMPLE eu-west-1 lambda",
      });
      refusing = "authorize";
      await assert.rejects(call, {
        name: "AccessDeniedException",
        message: 'lambda:GetFunction {"FunctionName":"f"}',
      });
    } finally {
      await server.close();
    }
  });
});
