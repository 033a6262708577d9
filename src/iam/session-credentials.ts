import { createHmac, createSecretKey, randomBytes, timingSafeEqual } from "node:crypto";
import { parseRoleArn } from "../core/iam-arn.ts";
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
}

/**
 * Temporary credentials of roles. A token carries its session, signed with a key kept in the store, so every process
 * on the same store can check it, also after a restart.
 */
export interface SessionCredentials {
  /** The account of the session is the one of the role. A role that IAM does not know gets a made-up, stable id. */
  issue(session: RoleSession, lifetimeMs: number): IssuedCredentials;
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

/** A session as its token says, and the secret that belongs to it. */
export interface OpenedSession {
  readonly principal: Principal;
  readonly secretAccessKey: string;
  readonly expirationMs: number;
}

/** Tokens whose signature was checked before; the same few are used again and again. */
const OPENED_TOKENS_MAX = 1_000;
const KEY = "credentials/session-key";
const FORMAT = "LMB1";

interface TokenBody {
  /** Access key id. */
  readonly k: string;
  /** Account. */
  readonly a: string;
  /** Role name. */
  readonly r: string;
  /** Role id. */
  readonly i: string;
  /** Session name. */
  readonly s: string;
  /** Expiration, epoch milliseconds. */
  readonly e: number;
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
  return {
    verify,
    open,
    issue: (session, lifetimeMs) => {
      const expirationMs = deps.clock.nowMs() + lifetimeMs;
      const body = tokenBody(session, expirationMs, deps.directory);
      const sessionToken = writeToken(body, sign);
      return {
        accessKeyId: body.k,
        secretAccessKey: secretAccessKeyOf(body.k, sessionToken),
        sessionToken,
        expirationMs,
      };
    },
    principalFor: ({ accessKeyId = "", sessionToken }) => {
      const session = sessionToken === undefined ? undefined : verify(accessKeyId, sessionToken);
      if (session !== undefined) return session;
      return { type: "root", account: /^\d{12}$/.test(accessKeyId) ? accessKeyId : deps.defaultAccount };
    },
  };
}

const principalOf = (body: TokenBody): Principal => ({
  type: "assumed-role",
  account: body.a,
  roleName: body.r,
  roleId: body.i,
  sessionName: body.s,
});

/** The id of a role that IAM does not know. */
export function unknownRoleId(account: string, roleName: string): string {
  return derivedIdentifier("AROA", `${account}/${roleName}`);
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
