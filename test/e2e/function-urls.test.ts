import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import {
  CreateFunctionUrlConfigCommand,
  DeleteFunctionUrlConfigCommand,
  type FunctionUrlAuthType,
  type InvokeMode,
  LambdaClient,
  PutFunctionConcurrencyCommand,
} from "@aws-sdk/client-lambda";
import { SignatureV4 } from "@smithy/signature-v4";
import { clientConfiguration, deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { rootKeys } from "../support/root-keys.ts";
import { Sha256 } from "../support/signer-hash.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";
import {
  allowEverybody,
  openUrlResponse,
  requestUrl,
  type UrlRequest,
  type UrlResponse,
} from "../support/url-request.ts";

const FUNCTIONS = `
import { once } from "node:events";
import { get } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
export const echo = async (event) => {
  if (event.rawPath === "/fail") throw new Error("on purpose");
  return { statusCode: 201, headers: { "X-Handler": "echo" }, cookies: ["a=1; Path=/", "b=2"], body: JSON.stringify(event) };
};
export const caller = ({ url, path = "/" }) =>
  new Promise((resolve, reject) => {
    const request = get(process.env.AWS_ENDPOINT_URL + path, { headers: { host: new URL(url).host } }, async (response) => {
      const pieces = [];
      for await (const piece of response) pieces.push(piece);
      resolve({ status: response.statusCode, text: Buffer.concat(pieces).toString() });
    });
    request.on("error", reject);
  });
export const stream = awslambda.streamifyResponse(async (event, out) => {
  if (event.rawPath === "/early") throw new Error("before the first byte");
  const http = awslambda.HttpResponseStream.from(out, {
    statusCode: 206, headers: { "Content-Type": "text/plain", "X-Streamed": "yes" }, cookies: ["s=1"],
  });
  http.write("first");
  await wait(300);
  if (event.rawPath === "/late") throw new Error("in the middle");
  if (event.rawPath === "/endless") {
    for (let i = 0; i < 400; i++) if (!http.write(Buffer.alloc(65536))) await once(http, "drain");
    console.log("wrote all");
  }
  http.write("second");
  http.end();
});
`;

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const TRUST_LAMBDA = JSON.stringify({
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
});

/** Gives a function a URL that everybody may call. */
async function openUrl(
  lambda: LambdaClient,
  FunctionName: string,
  settings: { readonly AuthType: FunctionUrlAuthType; readonly InvokeMode?: InvokeMode } = {
    AuthType: "NONE",
  },
): Promise<string> {
  const { FunctionUrl } = await lambda.send(
    new CreateFunctionUrlConfigCommand({ FunctionName, ...settings }),
  );
  if (settings.AuthType === "NONE") await allowEverybody(lambda, { FunctionName });
  return FunctionUrl ?? "";
}

/** The headers of a request signed as the SDKs do it. */
async function signed(url: string, request: UrlRequest, credentials: Credentials) {
  const { hostname, host, pathname, protocol } = new URL(url);
  const signer = new SignatureV4({ service: "lambda", region: "us-east-1", credentials, sha256: Sha256 });
  const { headers } = await signer.sign({
    method: request.method ?? "GET",
    hostname,
    protocol,
    path: pathname,
    headers: { host, ...request.headers },
    ...(request.body !== undefined && { body: request.body }),
  });
  return headers;
}

describe("function URLs", { timeout: 60_000 }, () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;

  before(async () => {
    lambent = await startLambent();
    lambda = lambdaClient(lambent.endpoint);
    await deploy(lambda, "echo", { "index.mjs": FUNCTIONS }, { Handler: "index.echo" });
    await deploy(lambda, "curled", { "index.mjs": FUNCTIONS }, { Handler: "index.echo" });
    await deploy(lambda, "caller", { "index.mjs": FUNCTIONS }, { Handler: "index.caller" });
    await deploy(lambda, "stream", { "index.mjs": FUNCTIONS }, { Handler: "index.stream" });
  });

  after(async () => {
    lambda.destroy();
    assert.equal(await lambent.stop(), 0);
  });

  test("HTTP goes to the function and its answer comes back, for whom the policy allows it", async () => {
    const { FunctionUrl: url = "" } = await lambda.send(
      new CreateFunctionUrlConfigCommand({ FunctionName: "echo", AuthType: "NONE" }),
    );
    assert.match(url, /^http:\/\/[0-9a-f]{32}\.lambda-url\.us-east-1\.localhost:\d+\/$/);
    const before = await requestUrl(lambent.endpoint, url);
    assert.deepEqual(
      [before.status, before.headers["x-amzn-errortype"], JSON.parse(before.text)],
      [
        403,
        "AccessDeniedException",
        {
          Message:
            "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html",
        },
      ],
    );
    await allowEverybody(lambda, { FunctionName: "echo" });
    const answer = await requestUrl(lambent.endpoint, `${url}some/p%C3%A4th?x=1&x=2&y=a+b`, {
      method: "POST",
      headers: { "content-type": "application/json", cookie: "c=3; d=4" },
      body: '{"hello":1}',
    });
    assert.equal(answer.status, 201);
    assert.deepEqual(
      [answer.headers["x-handler"], answer.headers["set-cookie"], answer.headers["content-type"]],
      ["echo", ["a=1; Path=/", "b=2"], "application/json"],
    );
    const event = JSON.parse(answer.text);
    assert.deepEqual(
      [event.rawPath, event.rawQueryString, event.queryStringParameters, event.cookies, event.body],
      ["/some/p%C3%A4th", "x=1&x=2&y=a+b", { x: "1,2", y: "a b" }, ["c=3", "d=4"], '{"hello":1}'],
    );
    assert.equal(event.requestContext.requestId, answer.headers["x-amzn-requestid"]);
    const onAws = await requestUrl(lambent.endpoint, url.replace(/localhost:\d+/, "on.aws"));
    assert.equal(
      JSON.parse(onAws.text).requestContext.domainName,
      new URL(url).hostname.replace("localhost", "on.aws"),
    );
    const head = await requestUrl(lambent.endpoint, url, { method: "HEAD" });
    assert.deepEqual([head.status, head.text.length], [201, 0]);
    const failed = await requestUrl(lambent.endpoint, `${url}fail`);
    assert.deepEqual([failed.status, failed.text], [502, "Internal Server Error"]);
    await lambda.send(new DeleteFunctionUrlConfigCommand({ FunctionName: "echo" }));
    const gone = await requestUrl(lambent.endpoint, url);
    assert.deepEqual([gone.status, gone.text], [403, '{"Message":null}']);
  });

  test("a response streams to the caller as it comes, and the function goes on when this one leaves", async () => {
    const url = await openUrl(lambda, "stream", { AuthType: "NONE", InvokeMode: "RESPONSE_STREAM" });
    await requestUrl(lambent.endpoint, url);
    const answer = await requestUrl(lambent.endpoint, url);
    assert.deepEqual(
      [
        answer.status,
        answer.headers["content-type"],
        answer.headers["x-streamed"],
        answer.headers["set-cookie"],
      ],
      [206, "text/plain", "yes", ["s=1"]],
    );
    assert.equal(answer.text, "firstsecond");
    const [first = 0, last = 0] = [answer.piecesAtMs[0], answer.piecesAtMs.at(-1)];
    assert.ok(last - first > 200, `first byte after ${first} ms, last after ${last} ms`);
    const early = await requestUrl(lambent.endpoint, `${url}early`);
    assert.deepEqual([early.status, early.text], [502, "Internal Server Error"]);
    await assert.rejects(requestUrl(lambent.endpoint, `${url}late`), { code: "ECONNRESET" });
    const { response } = await openUrlResponse(lambent.endpoint, `${url}endless`);
    await once(response, "data");
    response.destroy();
    await untilLogged(lambent.endpoint, "/aws/lambda/stream", "wrote all");
  });

  test("curl reaches a URL by its name, a function does from inside, and a throttled one says so", async (t) => {
    const url = await openUrl(lambda, "curled");
    if (skipUnless(t, hasCurl(), "curl is not installed", "apt-get install curl")) {
      const { port, hostname } = new URL(url);
      const resolve = `${hostname}:${port}:127.0.0.1`;
      const { stdout } = await promisify(execFile)("curl", [
        "-si",
        "--resolve",
        resolve,
        "-d",
        "a=1",
        `${url}form`,
      ]);
      assert.match(stdout, /^HTTP\/1\.1 201 /);
      assert.match(stdout, /"body":"YT0x","isBase64Encoded":true/);
    }
    const inside = await invoke(lambda, "caller", { url, path: "/inside?x=1" });
    const { status, text } = inside.body as { status: number; text: string };
    assert.equal(status, 201, text);
    assert.equal(JSON.parse(text).rawQueryString, "x=1");
    await lambda.send(
      new PutFunctionConcurrencyCommand({ FunctionName: "curled", ReservedConcurrentExecutions: 0 }),
    );
    const throttled = await requestUrl(lambent.endpoint, url);
    assert.deepEqual(
      [throttled.status, JSON.parse(throttled.text).Reason],
      [429, "ReservedFunctionConcurrentInvocationLimitExceeded"],
    );
  });

  test("in open mode nobody has to sign, and a function is its role", async () => {
    const url = await openUrl(lambda, "caller", { AuthType: "AWS_IAM" });
    const unsigned = await requestUrl(
      lambent.endpoint,
      await openUrl(lambda, "echo", { AuthType: "AWS_IAM" }),
    );
    const { authorizer } = JSON.parse(unsigned.text).requestContext;
    assert.deepEqual(
      [unsigned.status, authorizer.iam.userArn, authorizer.iam.accessKey],
      [201, "arn:aws:iam::000000000000:root", null],
    );
    const byRole = await invoke(lambda, "caller", { url });
    assert.equal((byRole.body as { status: number }).status, 403);
  });
});

const hasCurl = (): boolean => spawnSync("curl", ["--version"]).status === 0;

/** Log delivery is asynchronous, on AWS as here. */
async function untilLogged(endpoint: string, logGroupName: string, filterPattern: string): Promise<void> {
  const logs = new CloudWatchLogsClient(clientConfiguration(endpoint));
  try {
    for (let attempt = 0; attempt < 200; attempt++) {
      const { events = [] } = await logs.send(
        new FilterLogEventsCommand({ logGroupName, filterPattern: `"${filterPattern}"` }),
      );
      if (events.length > 0) return;
      await wait(50);
    }
    throw new Error(`${filterPattern} was not logged`);
  } finally {
    logs.destroy();
  }
}

describe("function URLs that need a signature", { timeout: 60_000 }, () => {
  let lambent: RunningLambent;
  let lambda: LambdaClient;
  let iam: IAMClient;
  let root: Credentials;
  let url: string;

  before(async () => {
    lambent = await startLambent({ arguments: ["--authentication", "enforced"] });
    root = await rootKeys(lambent);
    const configuration = { ...clientConfiguration(lambent.endpoint), credentials: root };
    lambda = new LambdaClient(configuration);
    iam = new IAMClient(configuration);
    const { Role } = await iam.send(
      new CreateRoleCommand({ RoleName: "runner", AssumeRolePolicyDocument: TRUST_LAMBDA }),
    );
    await deploy(
      lambda,
      "echo",
      { "index.mjs": FUNCTIONS },
      { Handler: "index.echo", Role: Role?.Arn ?? "" },
    );
    url = await openUrl(lambda, "echo", { AuthType: "AWS_IAM" });
  });

  after(async () => {
    iam.destroy();
    lambda.destroy();
    assert.equal(await lambent.stop(), 0);
  });

  const signedCall = async (
    credentials: Credentials,
    request: UrlRequest = {},
    sent = request,
  ): Promise<UrlResponse> =>
    requestUrl(lambent.endpoint, url, { ...sent, headers: await signed(url, request, credentials) });

  test("whoever signs and is allowed to may call, nobody else", async () => {
    const unsigned = await requestUrl(lambent.endpoint, url);
    assert.deepEqual([unsigned.status, unsigned.headers["x-amzn-errortype"]], [403, "AccessDeniedException"]);
    assert.match(unsigned.text, /^\{"Message":"Forbidden\. /);
    const post = { method: "POST", headers: { "content-type": "text/plain" }, body: "hello" };
    const answer = await signedCall(root, post);
    assert.equal(answer.status, 201, answer.text);
    const { requestContext, body, headers } = JSON.parse(answer.text);
    assert.deepEqual(
      [body, headers.authorization, requestContext.accountId, requestContext.authorizer],
      [
        "hello",
        undefined,
        "000000000000",
        {
          iam: {
            accessKey: root.accessKeyId,
            accountId: "000000000000",
            callerId: "000000000000",
            userArn: "arn:aws:iam::000000000000:root",
            userId: "000000000000",
            cognitoIdentity: null,
            principalOrgId: null,
          },
        },
      ],
    );
    const changed = await signedCall(root, post, { ...post, body: "hullo" });
    assert.deepEqual(
      [changed.status, changed.headers["x-amzn-errortype"]],
      [403, "InvalidSignatureException"],
    );
    const stranger = await signedCall({ accessKeyId: "AKIASTRANGER", secretAccessKey: "x" });
    assert.deepEqual(
      [stranger.status, stranger.headers["x-amzn-errortype"]],
      [403, "UnrecognizedClientException"],
    );
  });

  test("a user needs both permissions", async () => {
    const UserName = "caller";
    await iam.send(new CreateUserCommand({ UserName }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    const user = {
      accessKeyId: AccessKey?.AccessKeyId ?? "",
      secretAccessKey: AccessKey?.SecretAccessKey ?? "",
    };
    const allow = (Action: string[]) =>
      iam.send(
        new PutUserPolicyCommand({
          UserName,
          PolicyName: "urls",
          PolicyDocument: JSON.stringify({
            Version: "2012-10-17",
            Statement: { Effect: "Allow", Action, Resource: "*" },
          }),
        }),
      );
    assert.equal((await signedCall(user)).status, 403);
    await allow(["lambda:InvokeFunctionUrl"]);
    assert.equal((await signedCall(user)).status, 403);
    await allow(["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"]);
    const answer = await signedCall(user);
    assert.equal(answer.status, 201, answer.text);
    assert.equal(
      JSON.parse(answer.text).requestContext.authorizer.iam.userArn,
      "arn:aws:iam::000000000000:user/caller",
    );
  });
});
