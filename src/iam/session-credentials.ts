import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from "node:crypto";
import { parseRoleArn } from "../core/iam-arn.ts";
import { type PolicyDocument, parsePolicyDocument } from "../core/policy-document.ts";
import type { Principal } from "../core/principal.ts";
import type { Clock } from "../ports/clock.ts";
import { Conflict, type KeyValueStore } from "../ports/store.ts";
import type { IamDirectory } from "./iam-directory.ts";
import { derivedIdentifier, newIdentifier } from "./iam-names.ts";

export interface IssuedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expirationMs: number;
}

export interface RoleSession {
  readonly account: string;
  readonly roleArn: string;
  readonly sessionName: string;
  /** The function that the credentials are for. */
  readonly sourceFunctionArn?: string | undefined;
  /** What the session is limited to. */
  readonly policies?: GivenSessionPolicies | undefined;
}

/** Session policies as they were given to AssumeRole, and checked there. */
export interface GivenSessionPolicies {
  /** JSON. */
  readonly inline: string | undefined;
  readonly policyArns: readonly string[];
}

/**
 * Temporary credentials of roles and users. A token carries its session, signed with a key kept in the store, so every process
 * on the same store can check it, also after a restart.
 */
export interface SessionCredentials {
  /** The account of the session is the one of the role. A role that IAM does not know gets a made-up, stable id. */
  issue(session: RoleSession, lifetimeMs: number): IssuedCredentials;
  /** The same for a user's or the root user's own session. */
  issueForUser(principal: UserOfSession, lifetimeMs: number): IssuedCredentials;
  /** `undefined` for tokens that are forged, expired or of another access key. */
  verify(accessKeyId: string, sessionToken: string): Principal | undefined;
  /** Like `verify`, with the secret to check a signature with; tells an expired token from a wrong one. */
  open(accessKeyId: string, sessionToken: string): OpenedSession | "expired" | "invalid";
  /**
   * Who a request is made by while signatures are not required: a valid session is its role, an access key of twelve
   * digits the root user of that account, anything else the root user of the default account.
   */
  principalFor(credentials: {
    readonly accessKeyId: string | undefined;
    readonly sessionToken: string | undefined;
  }): Principal;
}

export type UserOfSession = Exclude<Principal, { type: "assumed-role" }>;

/** A session as its token says, and the secret that belongs to it. */
export interface OpenedSession {
  readonly principal: Principal;
  readonly secretAccessKey: string;
  readonly expirationMs: number;
}

/** Tokens whose signature was checked before; the same few are used again and again. */
const OPENED_TOKENS_MAX = 1_000;
/** Roles whose ids are kept; every environment that starts asks for its role's. */
const UNKNOWN_ROLES_MAX = 1_000;
const KEY = "credentials/session-key";
const FORMAT = "LMB1";

interface TokenBody {
  /** Access key id. */
  readonly k: string;
  /** Account. */
  readonly a: string;
  /** Name of the role, or of the user. */
  readonly r: string;
  /** Its id. */
  readonly i: string;
  /** Session name; of a user's own session its path, and nothing for the root user's. */
  readonly s: string;
  /** Whose session it is, unless a role's. */
  readonly t?: "user" | "root" | undefined;
  /** Expiration, epoch milliseconds. */
  readonly e: number;
  /** ARN of the function that they are for. */
  readonly f?: string | undefined;
  /** Inline session policy, JSON. */
  readonly p?: string | undefined;
  /** ARNs of managed session policies. */
  readonly m?: readonly string[] | undefined;
}

/** Opens the issuer; the first process on a store makes the key. */
export async function createSessionCredentials(deps: {
  keyValue: KeyValueStore;
  clock: Clock;
  directory: Pick<IamDirectory, "role">;
  /** Of requests whose access key names none. */
  defaultAccount: string;
}): Promise<SessionCredentials> {
  // An object: making one of bytes costs five times the HMAC.
  const masterKey = createSecretKey(await sessionKey(deps.keyValue));
  const sign = (text: string): Buffer => createHmac("sha256", masterKey).update(text).digest();
  const secretAccessKeyOf = (accessKeyId: string, sessionToken: string): string =>
    sign(`secret\n${accessKeyId}\n${sessionToken}`).subarray(0, 30).toString("base64");
  const opened = new Map<string, OpenedSession & { accessKeyId: string }>();
  const open = (accessKeyId: string, sessionToken: string): OpenedSession | "expired" | "invalid" => {
    let session = opened.get(sessionToken);
    if (session === undefined) {
      const body = readToken(sessionToken, sign);
      if (body === undefined) return "invalid";
      const secretAccessKey = secretAccessKeyOf(body.k, sessionToken);
      session = { principal: principalOf(body), secretAccessKey, accessKeyId: body.k, expirationMs: body.e };
      if (opened.size >= OPENED_TOKENS_MAX) opened.clear();
      opened.set(sessionToken, session);
    }
    if (session.accessKeyId !== accessKeyId) return "invalid";
    return session.expirationMs <= deps.clock.nowMs() ? "expired" : session;
  };
  const verify = (accessKeyId: string, sessionToken: string): Principal | undefined => {
    const session = open(accessKeyId, sessionToken);
    return typeof session === "string" ? undefined : session.principal;
  };
  const issued = (body: TokenBody): IssuedCredentials => {
    const { k: accessKeyId, e: expirationMs } = body;
    const sessionToken = writeToken(body, sign);
    return {
      accessKeyId,
      secretAccessKey: secretAccessKeyOf(accessKeyId, sessionToken),
      sessionToken,
      expirationMs,
    };
  };
  return {
    verify,
    open,
    issue: (session, lifetimeMs) =>
      issued(tokenBody(session, deps.clock.nowMs() + lifetimeMs, deps.directory)),
    issueForUser: (principal, lifetimeMs) => issued(userBody(principal, deps.clock.nowMs() + lifetimeMs)),
    principalFor: ({ accessKeyId = "", sessionToken }) => {
      const session = sessionToken === undefined ? undefined : verify(accessKeyId, sessionToken);
      if (session !== undefined) return session;
      return { type: "root", account: /^\d{12}$/.test(accessKeyId) ? accessKeyId : deps.defaultAccount };
    },
  };
}

function principalOf(body: TokenBody): Principal {
  const { a: account, r: userName, i: userId, s: path } = body;
  if (body.t === "root") return { type: "root", account, hasSession: true };
  if (body.t === "user") return { type: "user", account, path, userName, userId, hasSession: true };
  return roleOf(body);
}

const userBody = (principal: UserOfSession, expirationMs: number): TokenBody => ({
  k: newIdentifier("ASIA"),
  a: principal.account,
  r: principal.type === "user" ? principal.userName : "",
  i: principal.type === "user" ? principal.userId : "",
  s: principal.type === "user" ? principal.path : "",
  t: principal.type,
  e: expirationMs,
});

const roleOf = (body: TokenBody): Principal => ({
  type: "assumed-role",
  account: body.a,
  roleName: body.r,
  roleId: body.i,
  sessionName: body.s,
  ...(body.f !== undefined && { sourceFunctionArn: body.f }),
  ...((body.p !== undefined || body.m !== undefined) && {
    sessionPolicies: {
      inline: body.p === undefined ? undefined : readSessionPolicy(body.p),
      policyArns: body.m ?? [],
    },
  }),
});

/** It was checked when it came in; one that cannot be read any more allows nothing. */
function readSessionPolicy(text: string): PolicyDocument {
  const document = parsePolicyDocument(text, "identity");
  return "problem" in document ? { version: "2012-10-17", statements: [] } : document;
}

const unknownRoleIds = new Map<string, string>();

/** The id of a role that IAM does not know. */
export function unknownRoleId(account: string, roleName: string): string {
  const name = `${account}/${roleName}`;
  let id = unknownRoleIds.get(name);
  if (id === undefined) {
    id = derivedIdentifier("AROA", name);
    if (unknownRoleIds.size >= UNKNOWN_ROLES_MAX) unknownRoleIds.clear();
    unknownRoleIds.set(name, id);
  }
  return id;
}

function tokenBody(
  session: RoleSession,
  expirationMs: number,
  directory: Pick<IamDirectory, "role">,
): TokenBody {
  const role = parseRoleArn(session.roleArn);
  if (role === undefined) throw new Error(`${session.roleArn} is not the ARN of a role.`);
  const known = directory.role(role.account, role.roleName)?.record;
  return {
    k: newIdentifier("ASIA"),
    a: role.account,
    r: known?.roleName ?? role.roleName,
    i: known?.roleId ?? unknownRoleId(role.account, role.roleName),
    s: session.sessionName,
    e: expirationMs,
    f: session.sourceFunctionArn,
    p: session.policies?.inline,
    m: session.policies?.policyArns,
  };
}

async function sessionKey(keyValue: KeyValueStore): Promise<Buffer> {
  const stored = await keyValue.get(KEY);
  if (stored !== undefined) return readKey(stored.value);
  const key = randomBytes(32);
  try {
    await keyValue.create(KEY, Buffer.from(JSON.stringify({ schema: 1, key: key.toString("base64") })));
    return key;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
  const winner = await keyValue.get(KEY);
  if (winner === undefined) throw new Error("The key of session tokens disappeared from the store.");
  return readKey(winner.value);
}

function readKey(value: Uint8Array): Buffer {
  const document = JSON.parse(Buffer.from(value).toString("utf8")) as { schema: number; key: string };
  if (document.schema !== 1)
    throw new Error(`The key of session tokens has schema ${document.schema}; this version reads schema 1.`);
  return Buffer.from(document.key, "base64");
}

/** FORMAT + base64 of 32 bytes of signature and the body; base64 as AWS's own tokens. */
function writeToken(body: TokenBody, sign: (text: string) => Buffer): string {
  const text = JSON.stringify(body);
  return FORMAT + Buffer.concat([sign(`token\n${text}`), Buffer.from(text)]).toString("base64");
}

function readToken(token: string, sign: (text: string) => Buffer): TokenBody | undefined {
  if (!token.startsWith(FORMAT)) return undefined;
  const bytes = Buffer.from(token.slice(FORMAT.length), "base64");
  if (bytes.length <= 32) return undefined;
  const text = bytes.subarray(32).toString("utf8");
  if (!timingSafeEqual(bytes.subarray(0, 32), sign(`token\n${text}`))) return undefined;
  return JSON.parse(text) as TokenBody;
}
