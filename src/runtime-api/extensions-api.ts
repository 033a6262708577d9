import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExtensionEvent, ExtensionSet } from "../environments/extension-set.ts";
import type { RuntimeApiRefusal } from "../environments/runtime-api-session.ts";
import { readBody } from "./request-body.ts";

const PREFIX = "/2020-01-01/extension/";
const BODY_BYTES_MAX = 262_144;

/** Whether the request is for the Extensions API, which shares the Runtime API's address. */
export const isExtensionsPath = (path: string | undefined): boolean => path?.startsWith(PREFIX) === true;

/** The Extensions API 2020-01-01, as "Using the Lambda Extensions API to create extensions" documents it. */
export function serveExtensions(
  extensions: ExtensionSet,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const action = `${request.method} ${request.url?.slice(PREFIX.length)}`;
  const id = textHeader(request, "lambda-extension-identifier");
  switch (action) {
    case "POST register":
      void register(extensions, request, response);
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
      request.resume();
      refuse(response, { status: 404, errorType: "InvalidRequest", errorMessage: "Not found" });
  }
}

async function register(
  extensions: ExtensionSet,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request, BODY_BYTES_MAX);
  if (body === "aborted") return;
  const events = body === "too large" ? undefined : eventsOf(body);
  if (events === undefined) {
    refuse(response, {
      status: 400,
      errorType: "InvalidRequestFormat",
      errorMessage: "The body is not a registration request",
    });
    return;
  }
  const registered = extensions.register(textHeader(request, "lambda-extension-name") ?? "", events);
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

/** AWS: the body and its list may be left out. Undefined for what makes no sense. */
function eventsOf(body: Uint8Array): string[] | undefined {
  const text = Buffer.from(body).toString();
  if (text.trim() === "") return [];
  try {
    const { events = [] } = JSON.parse(text) as { events?: unknown };
    return Array.isArray(events) && events.every((event) => typeof event === "string") ? events : undefined;
  } catch {
    return undefined;
  }
}

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
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

function textHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
