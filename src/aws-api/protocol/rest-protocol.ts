import { Readable } from "node:stream";
import type { Bindings } from "./bindings.ts";
import { sendEventStream } from "./event-stream.ts";
import type { Parameters } from "./query-string.ts";
import type { Reply } from "./reply.ts";
import type { RestBody } from "./rest-body.ts";
import { restJson } from "./rest-json-body.ts";
import { restXml } from "./rest-xml-body.ts";
import type { Operation, ServiceModel } from "./service-model.ts";
import type { Member, Shape, TimestampFormat } from "./shape.ts";
import { readText, writeText } from "./text-values.ts";
import { setOwn } from "./value-reader.ts";
import type { RoutedOperation, WireProtocol, WireRequest } from "./wire-protocol.ts";

/** A REST protocol: labels, query, headers and body as the model binds them. */
function restProtocol(body: RestBody): WireProtocol {
  return {
    namesOperationInBody: false,
    route(service, { method, path, query, headers }) {
      const match = service.router.find(method, path, query, headers);
      return match && { operation: match.target, labels: match.labels };
    },
    describeTarget: ({ method, path }) => `${method} ${path}`,
    read: (routed, request) => readInput(body, routed, request),
    write: (operation, output, reply) => writeOutput(body, operation, output, reply),
    writeFailure(service, failure, reply) {
      if (failure.model) writeHeaders(failure.model.bindings, failure.members, reply);
      body.writeFailure(service, failure, reply);
    },
  };
}

export const restJson1: WireProtocol = restProtocol(restJson);
export const restXml1: WireProtocol = restProtocol(restXml);

function readInput(
  body: RestBody,
  { operation, labels }: RoutedOperation,
  request: WireRequest,
): Record<string, unknown> {
  const bindings = operation.inputBindings;
  const { payload } = bindings;
  // Body members come first: nothing in a body can take the place of what is bound elsewhere.
  const input = payload ? {} : readBodyMembers(body, operation, request);
  for (const member of bindings.labels)
    input[member.name] = readText(member.shape, labels[member.name] ?? "", "date-time");
  if (request.query.size > 0) readQuery(bindings, request.query, input);
  for (const { member, headerName } of bindings.headers) {
    const value = request.headers[headerName];
    if (value !== undefined)
      input[member.name] = readHeader(member.shape, Array.isArray(value) ? value.join(", ") : value);
  }
  if (bindings.prefixHeaders) readPrefixHeaders(bindings.prefixHeaders, request, input);
  if (payload) {
    const value = readPayload(body, operation.service, payload, request);
    if (value !== undefined) input[payload.name] = value;
  }
  return input;
}

function readBodyMembers(
  body: RestBody,
  operation: Operation,
  request: WireRequest,
): Record<string, unknown> {
  const members = operation.inputBindings.body;
  if (members.length === 0 || request.body.byteLength === 0) return {};
  return body.readMembers(operation.service, members, request.body);
}

function readPayload(body: RestBody, service: ServiceModel, payload: Member, request: WireRequest): unknown {
  if (request.bodyStream) return request.bodyStream;
  if (payload.shape.kind === "blob") return request.body.byteLength > 0 ? request.body : undefined;
  if (request.body.byteLength === 0) return undefined;
  if (payload.shape.kind === "string") return Buffer.from(request.body).toString("utf8");
  return body.readPayload(service, payload, request.body);
}

function readQuery(bindings: Bindings, query: Parameters, input: Record<string, unknown>): void {
  for (const { name, shape, traits } of bindings.query) {
    const values = query.get(traits.httpQuery ?? name);
    if (values === undefined) continue;
    input[name] =
      shape.kind === "list"
        ? values.map((value) => readText(shape.element, value, "date-time"))
        : readText(shape, values[0] ?? "", "date-time");
  }
  const rest = bindings.queryParams;
  if (rest?.shape.kind !== "map") return;
  const bound = new Set(bindings.query.map(({ traits }) => traits.httpQuery));
  const map: Record<string, unknown> = {};
  for (const [name, values] of query)
    if (!bound.has(name)) setOwn(map, name, rest.shape.value.kind === "list" ? [...values] : values[0]);
  input[rest.name] = map;
}

function readPrefixHeaders(member: Member, { headers }: WireRequest, input: Record<string, unknown>): void {
  const prefix = (member.traits.httpPrefixHeaders ?? "").toLowerCase();
  const map: Record<string, unknown> = {};
  for (const name of Object.keys(headers))
    if (name.startsWith(prefix)) setOwn(map, name.slice(prefix.length), String(headers[name]));
  input[member.name] = map;
}

const headerFormat: TimestampFormat = "http-date";

function readHeader(shape: Shape, value: string): unknown {
  if (shape.kind !== "list") return readText(shape, value, headerFormat);
  return splitHeader(value).map((part) => readText(shape.element, part, headerFormat));
}

/** Splits a header's list of values; quoted ones may contain commas. */
function splitHeader(value: string): string[] {
  const parts: string[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)/y;
  while (pattern.lastIndex < value.length) {
    const match = pattern.exec(value);
    if (match === null) break;
    parts.push(match[1] === undefined ? (match[2] ?? "").trim() : match[1].replace(/\\(.)/g, "$1"));
  }
  return parts;
}

function writeHeaders(bindings: Bindings, output: Readonly<Record<string, unknown>>, reply: Reply): void {
  for (const { member, headerName } of bindings.headers) {
    const value = output[member.name];
    if (value === undefined || value === null) continue;
    const { shape } = member;
    reply.headers[headerName] =
      shape.kind === "list"
        ? (value as unknown[]).map((part) => quote(writeText(shape.element, part, headerFormat))).join(", ")
        : writeText(shape, value, headerFormat);
  }
  const prefixed = bindings.prefixHeaders;
  if (!prefixed) return;
  const prefix = (prefixed.traits.httpPrefixHeaders ?? "").toLowerCase();
  for (const [name, value] of Object.entries(
    (output[prefixed.name] as Record<string, string> | undefined) ?? {},
  ))
    reply.headers[prefix + name] = value;
}

function quote(text: string): string {
  return /[",]/.test(text) ? `"${text.replace(/["\\]/g, "\\$&")}"` : text;
}

function writeOutput(
  body: RestBody,
  operation: Operation,
  output: Record<string, unknown>,
  reply: Reply,
): void | Promise<void> {
  const bindings = operation.outputBindings;
  writeHeaders(bindings, output, reply);
  const code = bindings.responseCode && output[bindings.responseCode.name];
  const status = typeof code === "number" ? code : operation.status;
  if (bindings.eventStream)
    return sendEventStream(operation, output, reply, { ...restJson.events, status, initial: undefined });
  if (bindings.payload)
    return writePayload(body, operation, { status, payload: bindings.payload, output }, reply);
  if (bindings.body.length === 0) reply.send(status, undefined);
  else reply.send(status, body.contentType, body.writeMembers(operation.service, bindings, output));
  return undefined;
}

function writePayload(
  body: RestBody,
  { service }: Operation,
  { status, payload, output }: { status: number; payload: Member; output: Record<string, unknown> },
  reply: Reply,
): void | Promise<void> {
  const value = output[payload.name];
  if (value === undefined || value === null) return reply.send(status, undefined);
  if (value instanceof Readable) return reply.sendStream(status, "application/octet-stream", value);
  if (value instanceof Uint8Array)
    return reply.send(status, payload.traits.mediaType ?? body.blobContentType, value);
  if (typeof value === "string") return reply.send(status, payload.traits.mediaType ?? "text/plain", value);
  return reply.send(status, body.contentType, body.writePayload(service, payload, value));
}
