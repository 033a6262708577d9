import { createHash } from "node:crypto";
import { AwsError } from "../../core/errors.ts";
import type { Failure } from "./failure.ts";
import type { Parameters } from "./query-string.ts";
import type { Reply } from "./reply.ts";
import { restXml1 } from "./rest-protocol.ts";
import { s3AddressOf } from "./s3-address.ts";
import type { Operation, ServiceModel } from "./service-model.ts";
import type { RoutedOperation, WireProtocol, WireRequest } from "./wire-protocol.ts";
import { escapeXml, xmlDeclaration } from "./xml-body.ts";

const PARTIAL_CONTENT = 206;
const NOT_MODIFIED = 304;

/**
 * S3's form of restXml: the bucket in the host or in front of the path, keys that are more than segments, headers that
 * presigned requests carry in the query, and errors without a wrapper that name the resource.
 */
export function s3Xml(request: WireRequest): WireProtocol {
  const resource = request.path;
  return {
    ...restXml1,
    route: routeS3,
    read: (routed, given) => restXml1.read(routed, { ...given, headers: modelledHeaders(given) }),
    write(operation, output, reply) {
      identify(reply);
      if (operation.name === "GetBucketLocation") return writeLocation(operation, output, reply);
      const isPartial = output.ContentRange !== undefined && operation.outputBindings.headers.length > 0;
      return restXml1.write(isPartial ? { ...operation, status: PARTIAL_CONTENT } : operation, output, reply);
    },
    writeFailure(_service, failure, reply) {
      identify(reply);
      if (failure.status === NOT_MODIFIED) reply.send(NOT_MODIFIED, undefined);
      else reply.send(statusOf(failure), "application/xml", errorXml(failure, resource, reply));
    },
  };
}

/** S3's second identifier of a request, made of the first. */
export const hostIdOf = (requestId: string): string =>
  createHash("sha384").update(requestId).digest("base64");

function identify(reply: Reply): void {
  reply.headers["x-amz-request-id"] = reply.requestId;
  reply.headers["x-amz-id-2"] = hostIdOf(reply.requestId);
}

function routeS3(service: ServiceModel, request: WireRequest): RoutedOperation | undefined {
  const { method, path, query, headers } = request;
  const { bucket, key } = s3AddressOf(headers, path);
  if (bucket === undefined) {
    const operation = service.operations.get("ListBuckets");
    return method === "GET" && operation ? { operation, labels: {} } : undefined;
  }
  // The router sees whether there is a key, not the key: that may end in a slash or have empty segments.
  const target = service.router.find(method, key === "" ? "/" : "/key", query, headers)?.target;
  // Both are the plain GET of a path without a key.
  const operation =
    target?.name.startsWith("List") && target.name.endsWith("Buckets")
      ? service.operations.get("ListObjects")
      : target;
  return operation && { operation, labels: { Bucket: decoded(bucket), Key: decoded(key) } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AwsError("InvalidURI", "Couldn't parse the specified URI.", 400);
  }
}

/**
 * The headers as the model reads them. AWS: what SDKs put into the query of a presigned request counts as header; its checksum is of
 * the empty body that they presigned. Expires may be any text.
 */
function modelledHeaders({ headers, query }: WireRequest): WireRequest["headers"] {
  const { expires: _, ...modelled } = headers;
  if (!query.has("X-Amz-Signature")) return modelled;
  return { ...presignedHeaders(query), ...modelled };
}

function presignedHeaders(query: Parameters): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, [value = ""]] of query) {
    const lower = name.toLowerCase();
    if (lower.startsWith("x-amz-") && !/^x-amz-(checksum-|sdk-checksum)/.test(lower)) headers[lower] = value;
  }
  return headers;
}

/** AWS: the answer is the bare element, empty for us-east-1. */
function writeLocation(
  { service, status }: Operation,
  { LocationConstraint: location }: Record<string, unknown>,
  reply: Reply,
): void {
  const xmlns = `xmlns="${service.xmlNamespace}"`;
  const element =
    typeof location === "string"
      ? `<LocationConstraint ${xmlns}>${escapeXml(location)}</LocationConstraint>`
      : `<LocationConstraint ${xmlns}/>`;
  reply.send(status, "application/xml", xmlDeclaration + element);
}

/** Codes of the protocol layer that S3 has others for. */
const S3_CODES: Readonly<Record<string, string>> = {
  SerializationException: "MalformedXML",
  ValidationException: "InvalidRequest",
  NotImplementedException: "NotImplemented",
  UnknownOperationException: "MethodNotAllowed",
  InternalFailure: "InternalError",
};
const METHOD_NOT_ALLOWED = 405;

function errorXml({ code, message, details }: Failure, resource: string, { requestId }: Reply): string {
  const known = Object.entries(details)
    .filter(([, value]) => typeof value === "string" || typeof value === "number")
    .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
    .join("");
  return (
    `${xmlDeclaration}<Error><Code>${escapeXml(S3_CODES[code] ?? code)}</Code><Message>${escapeXml(message)}</Message>${known}` +
    `<Resource>${escapeXml(resource)}</Resource><RequestId>${requestId}</RequestId><HostId>${hostIdOf(requestId)}</HostId></Error>`
  );
}

/** The status of a failure as S3 has it. */
const statusOf = ({ code, status }: Failure): number =>
  code === "UnknownOperationException" ? METHOD_NOT_ALLOWED : status;
