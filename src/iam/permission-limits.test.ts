import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { MemoryKeyValueStore } from "../../test/support/memory-store.ts";
import type { AwsError } from "../core/errors.ts";
import { type PolicyDocument, parsePolicyDocument } from "../core/policy-document.ts";
import type { Principal } from "../core/principal.ts";
import { assumeRole } from "./assume-role.ts";
import { authorize } from "./authorize.ts";
import { openIam } from "./iam.ts";
import { createSessionCredentials, type GivenSessionPolicies } from "./session-credentials.ts";

const ACCOUNT = "123456789012";
const OTHER = "210987654321";
const FUNCTION = `arn:aws:lambda:eu-west-1:${ACCOUNT}:function:target`;
const USER_ARN = `arn:aws:iam::${ACCOUNT}:user/ann`;
const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/worker`;
const SESSION_ARN = `arn:aws:sts::${ACCOUNT}:assumed-role/worker/orders`;

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
}
const ALLOW: Statement = { Effect: "Allow", Action: "lambda:InvokeFunction" };
const DENY: Statement = { Effect: "Deny", Action: "lambda:InvokeFunction" };
const ELSE: Statement = { Effect: "Allow", Action: "s3:*" };

const documentOf = (statements: readonly Statement[]): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: statements.map((statement) => ({ ...statement, Resource: "*" })),
  });

/** Everything that has a say about a request. */
interface Situation {
  readonly own?: readonly Statement[];
  readonly ofGroup?: readonly Statement[] | undefined;
  readonly boundary?: readonly Statement[] | undefined;
  readonly session?: readonly Statement[] | undefined;
  readonly onResource?: { readonly principal: string; readonly effect?: "Allow" | "Deny" } | undefined;
  /** Whose the function is. */
  readonly owner?: string;
}

async function open() {
  const clock = new ManualClock();
  const keyValue = new MemoryKeyValueStore();
  const iam = await openIam({ keyValue, clock });
  const { directory } = iam;
  const defaultAccount = "000000000000";
  const credentials = await createSessionCredentials({ keyValue, clock, directory, defaultAccount });
  const managed = async (policyName: string, statements: readonly Statement[]): Promise<string> => {
    const document = documentOf(statements);
    const policy = { account: ACCOUNT, policyName, path: "/", document, description: undefined, tags: [] };
    await iam.policies.create(policy);
    return `arn:aws:iam::${ACCOUNT}:policy/${policyName}`;
  };
  return { iam, clock, credentials, managed };
}

type Opened = Awaited<ReturnType<typeof open>>;

async function makeUser({ iam, managed }: Opened, situation: Situation): Promise<Principal> {
  const { own = [], ofGroup, boundary } = situation;
  const permissionsBoundaryArn = boundary && (await managed("limit", boundary));
  const { users, groups } = iam;
  const user = await users.create({
    account: ACCOUNT,
    userName: "ann",
    path: "/",
    tags: [],
    permissionsBoundaryArn,
  });
  if (own.length > 0) await users.putInlinePolicy(ACCOUNT, "ann", { name: "p", document: documentOf(own) });
  if (ofGroup !== undefined) {
    await groups.create({ account: ACCOUNT, groupName: "staff", path: "/" });
    await users.addToGroup(ACCOUNT, "ann", "staff");
    await groups.attach(ACCOUNT, "staff", await managed("staff", ofGroup));
  }
  return { type: "user", account: ACCOUNT, path: "/", userName: "ann", userId: user.userId };
}

async function makeSession(opened: Opened, situation: Situation): Promise<Principal> {
  const { iam, managed, credentials } = opened;
  const { own = [], boundary, session } = situation;
  const trust = { Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" };
  await iam.roles.create({
    account: ACCOUNT,
    roleName: "worker",
    path: "/",
    assumeRolePolicy: JSON.stringify({ Version: "2012-10-17", Statement: trust }),
    description: undefined,
    maxSessionDurationSeconds: undefined,
    tags: [],
    permissionsBoundaryArn: boundary && (await managed("limit", boundary)),
  });
  if (own.length > 0)
    await iam.roles.putInlinePolicy(ACCOUNT, "worker", { name: "p", document: documentOf(own) });
  const policies: GivenSessionPolicies | undefined = session && {
    inline: documentOf(session),
    policyArns: [],
  };
  const { credentials: issued } = assume(opened, policies);
  const principal = credentials.verify(issued.accessKeyId, issued.sessionToken);
  assert.ok(principal);
  return principal;
}

function assume({ iam, credentials, clock }: Opened, policies: GivenSessionPolicies | undefined) {
  return assumeRole(
    { directory: iam.directory, credentials, clock },
    {
      principal: { type: "root", account: ACCOUNT },
      roleArn: ROLE_ARN,
      sessionName: "orders",
      durationSeconds: undefined,
      externalId: undefined,
      region: "eu-west-1",
      policies,
    },
  );
}

function resourcePolicy({
  principal,
  effect = "Allow",
}: NonNullable<Situation["onResource"]>): PolicyDocument {
  const statement = {
    Effect: effect,
    Principal: { AWS: principal },
    Action: "lambda:InvokeFunction",
    Resource: "*",
  };
  const document = parsePolicyDocument(
    JSON.stringify({ Version: "2012-10-17", Statement: statement }),
    "resource",
  );
  assert.ok(!("problem" in document));
  return document;
}

/** "allowed", or why not. */
function outcome({ iam, clock }: Opened, principal: Principal, situation: Situation): string {
  const { onResource, owner = ACCOUNT } = situation;
  const document = onResource && resourcePolicy(onResource);
  try {
    authorize(iam.directory, {
      principal,
      service: "lambda",
      operation: "Invoke",
      input: { FunctionName: FUNCTION.replace(ACCOUNT, owner) },
      region: "eu-west-1",
      nowMs: clock.nowMs(),
      resourcePolicies: () => ({ account: owner, document }),
    });
    return "allowed";
  } catch (error) {
    return / (with an explicit deny in .*|because no .*) ?/.exec((error as AwsError).message)?.[1] ?? "?";
  }
}

const decided = async (kind: "user" | "session", situation: Situation): Promise<string> => {
  const opened = await open();
  const make = kind === "user" ? makeUser : makeSession;
  return outcome(opened, await make(opened, situation), situation);
};

const because = (what: string): string => `because no ${what} allows the lambda:InvokeFunction action`;
const NO_IDENTITY = because("identity-based policy");
const NO_BOUNDARY = because("permissions boundary");
const NO_SESSION = because("session policy");
const NO_RESOURCE = because("resource-based policy");
const denied = (what: string): string => `with an explicit deny in a${what}`;

/** "Policy evaluation logic" and "Permissions boundaries for IAM entities", case by case. */
const TABLE: readonly (readonly ["user" | "session", string, Situation, string])[] = [
  ["user", "a group's policy allows", { ofGroup: [ALLOW] }, "allowed"],
  [
    "user",
    "a group's deny wins over its own allow",
    { own: [ALLOW], ofGroup: [DENY] },
    denied("n identity-based policy"),
  ],
  [
    "user",
    "its own deny wins over a group's allow",
    { own: [DENY], ofGroup: [ALLOW] },
    denied("n identity-based policy"),
  ],
  ["user", "a boundary allows nothing by itself", { boundary: [ALLOW] }, NO_IDENTITY],
  ["user", "policies and boundary agree", { own: [ALLOW], boundary: [ALLOW] }, "allowed"],
  ["user", "the boundary leaves it out", { own: [ALLOW], boundary: [ELSE] }, NO_BOUNDARY],
  [
    "user",
    "the boundary leaves a group's permission out",
    { ofGroup: [ALLOW], boundary: [ELSE] },
    NO_BOUNDARY,
  ],
  ["user", "the boundary denies", { own: [ALLOW], boundary: [ALLOW, DENY] }, denied(" permissions boundary")],
  [
    "user",
    "named on the resource, a boundary that leaves it out does not matter",
    { boundary: [ELSE], onResource: { principal: USER_ARN } },
    "allowed",
  ],
  [
    "user",
    "named on the resource, a boundary that denies does",
    { boundary: [DENY], onResource: { principal: USER_ARN } },
    denied(" permissions boundary"),
  ],
  [
    "user",
    "the account named on the resource leaves it to the limits",
    { own: [ALLOW], boundary: [ELSE], onResource: { principal: ACCOUNT } },
    NO_BOUNDARY,
  ],
  [
    "user",
    "the resource denies",
    { own: [ALLOW], boundary: [ALLOW], onResource: { principal: USER_ARN, effect: "Deny" } },
    denied(" resource-based policy"),
  ],
  [
    "user",
    "in another account the boundary limits too",
    { own: [ALLOW], boundary: [ELSE], owner: OTHER, onResource: { principal: USER_ARN } },
    NO_BOUNDARY,
  ],
  [
    "user",
    "in another account both must allow",
    { own: [ALLOW], boundary: [ALLOW], owner: OTHER },
    NO_RESOURCE,
  ],
  ["session", "role and boundary agree", { own: [ALLOW], boundary: [ALLOW] }, "allowed"],
  ["session", "the boundary leaves it out", { own: [ALLOW], boundary: [ELSE] }, NO_BOUNDARY],
  ["session", "the session's policy leaves it out", { own: [ALLOW], session: [ELSE] }, NO_SESSION],
  ["session", "the session's policy allows nothing by itself", { session: [ALLOW] }, NO_IDENTITY],
  [
    "session",
    "role, boundary and session agree",
    { own: [ALLOW], boundary: [ALLOW], session: [ALLOW] },
    "allowed",
  ],
  [
    "session",
    "the session's policy denies",
    { own: [ALLOW], session: [ALLOW, DENY] },
    denied(" session policy"),
  ],
  [
    "session",
    "its role named on the resource, the boundary limits it",
    { boundary: [ELSE], onResource: { principal: ROLE_ARN } },
    NO_BOUNDARY,
  ],
  [
    "session",
    "its role named on the resource, the session's policy limits it",
    { session: [ELSE], onResource: { principal: ROLE_ARN } },
    NO_SESSION,
  ],
  [
    "session",
    "its role named on the resource, within the limits",
    { boundary: [ALLOW], session: [ALLOW], onResource: { principal: ROLE_ARN } },
    "allowed",
  ],
  [
    "session",
    "named itself on the resource, nothing but a deny limits it",
    { boundary: [ELSE], session: [ELSE], onResource: { principal: SESSION_ARN } },
    "allowed",
  ],
  [
    "session",
    "named itself on the resource, a deny of the session's policy does",
    { session: [DENY], onResource: { principal: SESSION_ARN } },
    denied(" session policy"),
  ],
  [
    "session",
    "everybody named on the resource, the boundary limits it",
    { boundary: [ELSE], onResource: { principal: "*" } },
    NO_BOUNDARY,
  ],
];

describe("groups, permissions boundaries and session policies", () => {
  for (const [kind, what, situation, expected] of TABLE)
    test(`${kind}: ${what}`, async () => assert.equal(await decided(kind, situation), expected));

  test("a boundary whose policy is in use cannot be deleted, and one that is taken away limits no more", async () => {
    const opened = await open();
    const { iam } = opened;
    const principal = await makeUser(opened, { own: [ALLOW], boundary: [ELSE] });
    const arn = `arn:aws:iam::${ACCOUNT}:policy/limit`;
    await assert.rejects(iam.policies.remove(ACCOUNT, arn), { code: "DeleteConflict" });
    await iam.users.deleteBoundary(ACCOUNT, "ann");
    assert.equal(outcome(opened, principal, {}), "allowed");
    await iam.policies.remove(ACCOUNT, arn);
    await assert.rejects(iam.users.putBoundary(ACCOUNT, "ann", arn), {
      code: "NoSuchEntity",
      message: `Scope ARN: ${arn} does not exist or is not attachable.`,
    });
  });

  test("who may make users only within a boundary does not make others", async () => {
    const opened = await open();
    const { iam, clock } = opened;
    const arn = await opened.managed("ceiling", [ELSE]);
    const principal = await makeUser(opened, {});
    const Condition = { StringEquals: { "iam:PermissionsBoundary": arn } };
    const statement = { Effect: "Allow", Action: "iam:*", Resource: "*", Condition };
    const document = JSON.stringify({ Version: "2012-10-17", Statement: statement });
    await iam.users.putInlinePolicy(ACCOUNT, "ann", { name: "p", document });
    const may = (operation: string, input: Record<string, unknown>) => () =>
      authorize(iam.directory, {
        principal,
        service: "iam",
        operation,
        input,
        region: "eu-west-1",
        nowMs: clock.nowMs(),
      });
    may("CreateUser", { UserName: "bob", PermissionsBoundary: arn })();
    assert.throws(may("CreateUser", { UserName: "bob" }), { code: "AccessDenied" });
    const bob = { account: ACCOUNT, userName: "bob", path: "/", tags: [], permissionsBoundaryArn: arn };
    await iam.users.create(bob);
    may("AttachUserPolicy", { UserName: "bob", PolicyArn: "arn:aws:iam::aws:policy/AdministratorAccess" })();
    assert.throws(may("DeleteUserPermissionsBoundary", { UserName: "ann" }), { code: "AccessDenied" });
  });

  test("session policies: malformed, unknown and too large ones are refused", async () => {
    const opened = await open();
    await makeSession(opened, {});
    const given = (inline: string | undefined, policyArns: string[] = []) => ({ inline, policyArns });
    assert.throws(() => assume(opened, given("{}")), { code: "MalformedPolicyDocument" });
    assert.throws(() => assume(opened, given(undefined, [`arn:aws:iam::${ACCOUNT}:policy/none`])), {
      code: "NoSuchEntity",
    });
    const large = documentOf([
      { Effect: "Allow", Action: Array.from({ length: 200 }, () => "lambda:Invoke") },
    ]);
    assert.throws(() => assume(opened, given(large)), { code: "PackedPolicyTooLarge" });
    assert.equal(assume(opened, given(documentOf([ALLOW]))).packedPolicySize, 6);
    assert.equal(assume(opened, undefined).packedPolicySize, undefined);
  });

  test("a session policy that is managed allows what it says, and nothing once it is gone", async () => {
    const opened = await open();
    await makeSession(opened, { own: [ALLOW] });
    const arn = await opened.managed("lent", [ALLOW]);
    const { credentials } = assume(opened, { inline: undefined, policyArns: [arn] });
    const principal = opened.credentials.verify(credentials.accessKeyId, credentials.sessionToken);
    assert.ok(principal);
    assert.equal(outcome(opened, principal, {}), "allowed");
    await opened.iam.policies.remove(ACCOUNT, arn);
    assert.equal(outcome(opened, principal, {}), NO_SESSION);
  });

  test("property: a deny anywhere is never overridden, and limits never allow", async () => {
    const statement = fc.record({
      Effect: fc.constantFrom("Allow", "Deny"),
      Action: fc.constantFrom("*", "lambda:*", "lambda:InvokeFunction", "s3:*", "iam:PassRole"),
    });
    const statements = fc.array(statement, { minLength: 1, maxLength: 3 });
    const some = { nil: undefined };
    const situations = fc.record({
      own: statements,
      ofGroup: fc.option(statements, some),
      boundary: fc.option(statements, some),
      session: fc.option(statements, some),
      onResource: fc.option(
        fc.record({
          principal: fc.constantFrom("*", ACCOUNT, USER_ARN, ROLE_ARN, SESSION_ARN),
          effect: fc.constantFrom<("Allow" | "Deny")[]>("Allow", "Deny"),
        }),
        some,
      ),
      owner: fc.constantFrom(ACCOUNT, OTHER),
    });
    const concerns = ({ Action }: Statement): boolean =>
      Action === "*" || String(Action).startsWith("lambda");
    const speaks = (effect: string, list: readonly Statement[] = []): boolean =>
      list.some((each) => each.Effect === effect && concerns(each));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("user", "session"), situations, async (kind, generated) => {
        const situation: Situation =
          kind === "user" ? { ...generated, session: undefined } : { ...generated, ofGroup: undefined };
        const { own, ofGroup, boundary, session, onResource, owner } = situation;
        const given = [own, ofGroup, boundary, session].filter((list) => list !== undefined);
        const isAllowed = (await decided(kind as "user" | "session", situation)) === "allowed";
        if (given.some((list) => speaks("Deny", list))) assert.equal(isAllowed, false);
        const byResource = onResource?.effect === "Allow";
        if (!byResource && ![own, ofGroup].some((list) => speaks("Allow", list)))
          assert.equal(isAllowed, false);
        const isWithin = [boundary, session].every((list) => list === undefined || speaks("Allow", list));
        if ((!byResource || owner === OTHER) && !isWithin) assert.equal(isAllowed, false);
      }),
      { numRuns: 300 },
    );
  });
});
