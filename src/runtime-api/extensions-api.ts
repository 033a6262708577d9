import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ExtensionEvent,
  type ExtensionSet,
  emptyName,
  invalidRequestFormat,
} from "../environments/extension-set.ts";
import type { RuntimeApiRefusal } from "../environments/runtime-api-session.ts";
import { sendJson } from "./json-answer.ts";
import { refuseRoute } from "./refused-route.ts";
import { readBody } from "./request-body.ts";
import type { UnfinishedBodies } from "./unfinished-bodies.ts";

const PREFIX = "/2020-01-01/extension/";
/** The method of each path below the prefix. */
const METHODS: Readonly<Record<string, string>> = {
  register: "POST",
  "event/next": "GET",
  "init/error": "POST",
  "exit/error": "POST",
};
const BODY_BYTES_MAX = 262_144;

/** Whether the request is for the Extensions API, which shares the Runtime API's address. */
export const isExtensionsPath = (path: string | undefined): boolean => path?.startsWith(PREFIX) === true;

interface ServedExtensions {
  readonly extensions: ExtensionSet;
  readonly bodies: UnfinishedBodies;
}

/** The Extensions API 2020-01-01, as "Using the Lambda Extensions API to create extensions" documents it. */
export function serveExtensions(
  { extensions, bodies }: ServedExtensions,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const action = `${request.method} ${request.url?.slice(PREFIX.length)}`;
  const id = textHeader(request, "lambda-extension-identifier");
  switch (action) {
    case "POST register":
      void register({ extensions, bodies }, request, response);
      return;
    case "GET event/next":
      answer(
        response,
        extensions.next(id, (event) => sendEvent(response, event)),
      );
      return;
    case "POST init/error":
    case "POST exit/error": {
      const errorType = textHeader(request, "lambda-extension-function-error-type");
      request.resume();
      const refusal = extensions.fail(id, action === "POST init/error" ? "init" : "exit", errorType);
      if (refusal === undefined) send(response, 202, { status: "OK" });
      else refuse(response, refusal);
      return;
    }
    default:
      refuseRoute(request, response, METHODS[request.url?.slice(PREFIX.length) ?? ""]);
  }
}

async function register(
  { extensions, bodies }: ServedExtensions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request, BODY_BYTES_MAX, bodies);
  if (body === "aborted") return;
  const name = utf8Header(request, "lambda-extension-name");
  const events = name === "" ? emptyName : eventsOf(body);
  const registered = "status" in events ? events : extensions.register(name, events);
  if (typeof registered !== "string") {
    refuse(response, registered);
    return;
  }
  const { accountId, ...described } = extensions.describes;
  const features = textHeader(request, "lambda-extension-accept-feature")?.split(",") ?? [];
  const wantsAccount = features.some((feature) => feature.trim().toLowerCase() === "accountid");
  response.setHeader("Lambda-Extension-Identifier", registered);
  send(response, 200, { ...described, ...(wantsAccount && { accountId }) });
}

/** AWS: the list of events may be left out, the body may not. */
function eventsOf(body: Uint8Array | "too large"): string[] | RuntimeApiRefusal {
  if (body === "too large") return invalidRequestFormat(`the body is larger than ${BODY_BYTES_MAX} bytes`);
  const text = Buffer.from(body).toString();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return invalidRequestFormat(syntaxProblem(text, error as Error));
  }
  if (parsed === null) return [];
  if (typeof parsed !== "object" || Array.isArray(parsed))
    return invalidRequestFormat("the body is not a JSON object");
  const { events, configurationKeys } = parsed as Readonly<Record<string, unknown>>;
  if (!isListOfTexts(events) || !isListOfTexts(configurationKeys))
    return invalidRequestFormat("events and configurationKeys are lists of strings");
  if (configurationKeys != null && configurationKeys.length > 0)
    return invalidRequestFormat("configurationKeys are deprecated; use environment variables instead");
  return events ?? [];
}

/** AWS: words for what breaks off; what is wrong in another way has the parser's. */
function syntaxProblem(text: string, { message }: Error): string {
  const [, position] = / at position (\d+)/.exec(message) ?? [];
  const isShort =
    position === undefined ? /end of JSON|Unterminated/.test(message) : Number(position) >= text.length;
  return isShort ? "unexpected end of JSON input" : message;
}

const isListOfTexts = (value: unknown): value is string[] | null | undefined =>
  value == null || (Array.isArray(value) && value.every((item) => typeof item === "string"));

function sendEvent(response: ServerResponse, event: ExtensionEvent): void {
  response.setHeader("Lambda-Extension-Event-Identifier", randomUUID());
  send(response, 200, event);
}

function answer(response: ServerResponse, refusal: RuntimeApiRefusal | undefined): void {
  if (refusal !== undefined) refuse(response, refusal);
}

function refuse(response: ServerResponse, { status, errorType, errorMessage }: RuntimeApiRefusal): void {
  send(response, status, { errorMessage, errorType });
}

function send(response: ServerResponse, status: number, body: object): void {
  sendJson(response, status, `${JSON.stringify(body)}\n`);
}

function textHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** A name may have any letters; headers are bytes. */
const utf8Header = (request: IncomingMessage, name: string): string =>
  Buffer.from(textHeader(request, name) ?? "", "latin1").toString();
