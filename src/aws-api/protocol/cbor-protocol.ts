import { parseCbor, writeCbor, writeCborDocument } from "./cbor-body.ts";
import { sendEventStream } from "./event-stream.ts";
import { cborFormat, readStructure } from "./value-reader.ts";
import type { WireProtocol } from "./wire-protocol.ts";

const contentType = "application/cbor";
/** The path of Smithy RPC v2: service and operation. */
const pathPattern = /^\/service\/([^/]+)\/operation\/([^/]+)$/;

/** The service that a Smithy RPC v2 path names. */
export function cborServiceOf(path: string): string | undefined {
  return pathPattern.exec(path)?.[1];
}

/** Smithy RPC v2 with CBOR bodies. */
export const rpcv2Cbor: WireProtocol = {
  namesOperationInBody: false,
  route(service, { path }) {
    const operation = service.operations.get(pathPattern.exec(path)?.[2] ?? "");
    return operation && { operation, labels: {} };
  },
  describeTarget: ({ path }) => path,
  read({ operation: { input } }, { body }) {
    if (input.kind !== "structure") return {};
    return readStructure(input, parseCbor(body), cborFormat);
  },
  write(operation, output, reply) {
    reply.headers["smithy-protocol"] = "rpc-v2-cbor";
    const { output: shape, outputBindings, outputSchema } = operation;
    if (shape.kind !== "structure") return reply.send(200, undefined);
    const { eventStream } = outputBindings;
    if (!eventStream) return reply.send(200, contentType, writeCbor(outputSchema, output));
    const others = Object.fromEntries(Object.entries(output).filter(([name]) => name !== eventStream.name));
    return sendEventStream(operation, output, reply, {
      contentType,
      status: 200,
      initial: writeCbor(outputSchema, others),
      encode: (members, schema, value) =>
        writeCbor(schema, Object.fromEntries(members.map(({ name }) => [name, value[name]]))),
    });
  },
  writeFailure(service, { code, status, model, members, message }, reply) {
    reply.headers["smithy-protocol"] = "rpc-v2-cbor";
    const type = service && model ? `${service.namespace}#${model.name}` : code;
    reply.send(status, contentType, writeCborDocument({ __type: type, message, ...members }));
  },
};
