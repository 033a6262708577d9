import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import type { ExtensionSet } from "../environments/extension-set.ts";
import type { RuntimeApiRefusal } from "../environments/runtime-api-session.ts";
import { TELEMETRY_TYPES } from "../environments/telemetry-event.ts";
import { TELEMETRY_SCHEMAS, type TelemetryApiName } from "../environments/telemetry-schema.ts";
import type { SubscriptionRequest, TelemetrySubscriptions } from "../environments/telemetry-subscriptions.ts";
import { sendJson } from "./json-answer.ts";
import { refuseRoute } from "./refused-route.ts";
import { readBody } from "./request-body.ts";
import type { UnfinishedBodies } from "./unfinished-bodies.ts";

const PATHS: Readonly<Record<string, TelemetryApiName>> = {
  "/2022-07-01/telemetry": "telemetry",
  "/2020-08-15/logs": "logs",
};
const BODY_BYTES_MAX = 262_144;
const PORT_MAX = 65_535;
const HTTP_PORT = 80;
/** AWS: 9001 is the Runtime API's own. */
const RESERVED_PORT = 9_001;
/** AWS: the second is what older extensions write. */
const HOSTS = ["sandbox.localdomain", "sandbox"];

const port = z
  .int()
  .min(1)
  .max(PORT_MAX)
  .refine((value) => value !== RESERVED_PORT, "port 9001 is reserved");

const httpDestination = z
  .strictObject({
    protocol: z.literal("HTTP"),
    URI: z.string(),
    method: z.enum(["POST", "PUT"]).default("POST"),
    encoding: z.literal("JSON").optional(),
  })
  .transform(({ URI, method }, context) => {
    const url = URL.parse(URI);
    const parsed = port.safeParse(Number(url?.port || HTTP_PORT));
    if (url?.protocol !== "http:" || !HOSTS.includes(url.hostname) || !parsed.success) {
      context.addIssue({ code: "custom", path: ["URI"], message: `has to be http://${HOSTS[0]}:PORT` });
      return z.NEVER;
    }
    return { protocol: "HTTP" as const, port: parsed.data, method, path: `${url.pathname}${url.search}` };
  });

const tcpDestination = z.strictObject({
  protocol: z.literal("TCP"),
  port,
  encoding: z.literal("JSON").optional(),
});

/** AWS: least, most and default of each ("Telemetry API": memory usage and buffering). */
const buffering = z
  .strictObject({
    maxItems: z.int().min(1_000).max(10_000).default(10_000),
    maxBytes: z.int().min(262_144).max(1_048_576).default(262_144),
    timeoutMs: z.int().min(25).max(30_000).default(1_000),
  })
  .prefault({});

const subscription = (schemas: readonly [string, ...string[]]) =>
  z.strictObject({
    schemaVersion: z.enum(schemas),
    types: z.array(z.enum(TELEMETRY_TYPES)).min(1),
    buffering,
    destination: z.discriminatedUnion("protocol", [httpDestination, tcpDestination]),
  });

const SUBSCRIPTIONS = {
  telemetry: subscription(TELEMETRY_SCHEMAS.telemetry),
  // AWS: the Logs API's first schema is the one of a request that names none.
  logs: subscription(TELEMETRY_SCHEMAS.logs).extend({
    schemaVersion: z.enum(TELEMETRY_SCHEMAS.logs).default(TELEMETRY_SCHEMAS.logs[0]),
  }),
};

const TITLES = { telemetry: "Telemetry", logs: "Logs" } as const;

/** The interface that a request is for; both share the Runtime API's address. */
export const telemetryApiOf = (path: string | undefined): TelemetryApiName | undefined =>
  PATHS[path?.replace(/\/$/, "") ?? ""];

/** The Telemetry API 2022-07-01 and the Logs API 2020-08-15, whose one operation is to subscribe. */
export async function serveTelemetry(
  api: TelemetryApiName,
  beside: {
    readonly extensions: ExtensionSet;
    readonly telemetry: TelemetrySubscriptions;
    readonly bodies: UnfinishedBodies;
  },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== "PUT") {
    refuseRoute(request, response, "PUT");
    return;
  }
  const body = await readBody(request, BODY_BYTES_MAX, beside.bodies);
  if (body === "aborted") return;
  const { status, answer } = subscribe(api, beside, request, body);
  sendJson(response, status, JSON.stringify(answer));
}

function subscribe(
  api: TelemetryApiName,
  {
    extensions,
    telemetry,
  }: { readonly extensions: ExtensionSet; readonly telemetry: TelemetrySubscriptions },
  request: IncomingMessage,
  body: Uint8Array | "too large",
): { status: number; answer: unknown } {
  const id = request.headers["lambda-extension-identifier"];
  const extension = extensions.identify(typeof id === "string" ? id : undefined);
  if (typeof extension !== "string") return refusal(extension);
  const wanted = parse(api, body);
  if (typeof wanted === "string") return refused(400, "ValidationError", wanted);
  const title = TITLES[api];
  switch (telemetry.subscribe(extension, wanted)) {
    case "subscribed":
      return { status: 200, answer: "OK" };
    case "closed":
      return refused(403, `${title}.SubscriptionClosed`, `${title} API subscription is closed`);
    case "unsupported":
      // AWS: so its interface emulator answers; extensions take it as "go on without".
      return refused(202, `${title}.NotSupported`, `${title} API is not supported`);
  }
}

/** A text says what is wrong. */
function parse(api: TelemetryApiName, body: Uint8Array | "too large"): SubscriptionRequest | string {
  if (body === "too large") return "the request is too large";
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString());
  } catch {
    return "the request is not JSON";
  }
  const parsed = SUBSCRIPTIONS[api].safeParse(value);
  if (parsed.success) return { api, ...parsed.data };
  return parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

const refusal = ({
  status,
  errorType,
  errorMessage,
}: RuntimeApiRefusal): { status: number; answer: object } => refused(status, errorType, errorMessage);

const refused = (
  status: number,
  errorType: string,
  errorMessage: string,
): { status: number; answer: object } => ({ status, answer: { errorMessage, errorType } });
