import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { Failure } from "./failure.ts";
import type { Parameters } from "./query-string.ts";
import type { Reply } from "./reply.ts";
import type { Operation, ServiceModel } from "./service-model.ts";

/** A request as far as it is independent of the protocol. */
export interface WireRequest {
  readonly method: string;
  /** Still percent-encoded. */
  path: string;
  query: Parameters;
  readonly headers: IncomingHttpHeaders;
  /** Empty until read. */
  body: Uint8Array;
  bodyIsRead: boolean;
  /** The body of an operation that takes a stream. */
  bodyStream: Readable | undefined;
  /** The parameters of an awsQuery request, once parsed. */
  parameters: Parameters | undefined;
}

export interface RoutedOperation {
  readonly operation: Operation;
  readonly labels: Readonly<Record<string, string>>;
}

/** One of AWS's ways to put operations on HTTP. */
export interface WireProtocol {
  /** The body must be read before the operation is known. */
  readonly namesOperationInBody: boolean;
  /** The operation that a request asks for; `undefined` when there is none. */
  route(service: ServiceModel, request: WireRequest): RoutedOperation | undefined;
  /** What the request asked for, for the error when there is no such operation. */
  describeTarget(request: WireRequest): string;
  /** The input. Throws SerializationException. */
  read(routed: RoutedOperation, request: WireRequest): Record<string, unknown>;
  write(operation: Operation, output: Record<string, unknown>, reply: Reply): void | Promise<void>;
  writeFailure(service: ServiceModel | undefined, failure: Failure, reply: Reply): void;
}
