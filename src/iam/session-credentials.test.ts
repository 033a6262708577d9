import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import { principalContext } from "./authorize.ts";
import { openIam } from "./iam.ts";
import { createSessionCredentials } from "./session-credentials.ts";

const session = {
  account: "123456789012",
  roleArn: "arn:aws:iam::123456789012:role/service-role/worker",
  sessionName: "orders",
};

async function open(keyValue = new MemoryKeyValueStore(), clock = new ManualClock()) {
  const iam = await openIam({ keyValue, clock });
  const { directory } = iam;
  return {
    keyValue,
    clock,
    iam,
    credentials: await createSessionCredentials({
      keyValue,
      clock,
      directory,
      defaultAccount: "000000000000",
    }),
  };
}

test("issued credentials name their session in every process on the same store, until they expire", async () => {
  const first = await open();
  const issued = first.credentials.issue(session, 60_000);
  assert.match(issued.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
  assert.equal(issued.secretAccessKey.length, 40);
  const second = await open(first.keyValue, first.clock);
  const principal = second.credentials.verify(issued.accessKeyId, issued.sessionToken);
  assert.ok(principal?.type === "assumed-role");
  assert.equal(principal.account, "123456789012");
  assert.equal(principal.roleName, "worker");
  assert.equal(principal.sessionName, "orders");
  assert.match(principal.roleId, /^AROA[A-Z2-7]{17}$/);
  assert.deepEqual(second.credentials.open(issued.accessKeyId, issued.sessionToken), {
    principal,
    secretAccessKey: issued.secretAccessKey,
    accessKeyId: issued.accessKeyId,
    expirationMs: issued.expirationMs,
  });
  first.clock.advance(60_000);
  assert.equal(second.credentials.open(issued.accessKeyId, issued.sessionToken), "expired");
  assert.equal(second.credentials.verify(issued.accessKeyId, issued.sessionToken), undefined);
});

test("a token that was changed, or comes with another access key, is nobody's", async () => {
  const { credentials } = await open();
  const { accessKeyId, sessionToken } = credentials.issue(session, 60_000);
  const bytes = Buffer.from(sessionToken.slice(4), "base64");
  for (const index of [0, 31, 32, 40, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[index]! ^= 1;
    assert.equal(credentials.verify(accessKeyId, `LMB1${changed.toString("base64")}`), undefined);
  }
  assert.equal(credentials.verify("ASIAAAAAAAAAAAAAAAAA", sessionToken), undefined);
  for (const token of ["", "LMB1", "LMB1AAAA", "nonsense"]) {
    assert.equal(credentials.verify(accessKeyId, token), undefined);
  }
});

test("the role id is IAM's when the role exists, and a stable one otherwise", async () => {
  const { credentials, iam, clock } = await open();
  const id = () => {
    const issued = credentials.issue(session, 1000);
    const principal = credentials.verify(issued.accessKeyId, issued.sessionToken);
    return principal?.type === "assumed-role" ? principal.roleId : undefined;
  };
  const madeUp = id();
  clock.advance(5000);
  assert.equal(id(), madeUp);
  const trust = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" };
  const role = await iam.roles.create({
    account: session.account,
    roleName: "worker",
    path: "/service-role/",
    assumeRolePolicy: JSON.stringify({ Version: "2012-10-17", Statement: trust }),
    description: undefined,
    maxSessionDurationSeconds: undefined,
    tags: [],
  });
  assert.equal(id(), role.roleId);
});

test("who a request is made by while signatures are not required", async () => {
  const { credentials } = await open();
  const { accessKeyId, sessionToken } = credentials.issue(session, 60_000);
  assert.equal(credentials.principalFor({ accessKeyId, sessionToken }).type, "assumed-role");
  const root = (account: string) => ({ type: "root", account });
  const ask = (accessKeyId: string | undefined, sessionToken?: string) =>
    credentials.principalFor({ accessKeyId, sessionToken });
  assert.deepEqual(ask("111122223333"), root("111122223333"));
  assert.deepEqual(ask("111122223333", "anything"), root("111122223333"));
  assert.deepEqual(ask("test"), root("000000000000"));
  assert.deepEqual(ask(undefined), root("000000000000"));
  assert.deepEqual(ask(accessKeyId, "forged"), root("000000000000"));
});

test("credentials of a function say which one, and policies may ask for it", async () => {
  const { credentials } = await open();
  const sourceFunctionArn = "arn:aws:lambda:eu-west-1:123456789012:function:orders";
  const { accessKeyId, sessionToken } = credentials.issue({ ...session, sourceFunctionArn }, 60_000);
  const principal = credentials.verify(accessKeyId, sessionToken);
  assert.ok(principal?.type === "assumed-role");
  const keys = principalContext(principal, undefined, { region: "eu-west-1", nowMs: 0 });
  assert.deepEqual(keys.get("lambda:sourcefunctionarn"), [sourceFunctionArn]);
  const other = credentials.issue(session, 60_000);
  const plain = credentials.verify(other.accessKeyId, other.sessionToken);
  assert.equal(plain?.type === "assumed-role" && plain.sourceFunctionArn, undefined);
});
