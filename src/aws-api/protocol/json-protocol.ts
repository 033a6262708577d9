import { sendEventStream } from "./event-stream.ts";
import { parseJson } from "./json-body.ts";
import { membersText, valueText } from "./json-text.ts";
import { jsonFormat, readStructure } from "./value-reader.ts";
import type { WireProtocol } from "./wire-protocol.ts";

/** awsJson 1.0 and 1.1: the operation stands in X-Amz-Target, input and output are whole JSON bodies. */
function jsonProtocol(version: "1.0" | "1.1"): WireProtocol {
  const contentType = `application/x-amz-json-${version}`;
  return {
    namesOperationInBody: false,
    route(service, { headers }) {
      const target = String(headers["x-amz-target"] ?? "");
      const operation = service.operations.get(target.slice(target.lastIndexOf(".") + 1));
      return operation && { operation, labels: {} };
    },
    describeTarget: ({ headers }) => String(headers["x-amz-target"] ?? "a request without X-Amz-Target"),
    read({ operation: { input } }, { body }) {
      if (input.kind !== "structure") return {};
      return readStructure(input, parseJson(body), jsonFormat);
    },
    write(operation, output, reply) {
      const { output: shape, outputBindings } = operation;
      // AWS: an operation without output answers with an empty body.
      if (shape.kind !== "structure") return reply.send(200, contentType);
      const { eventStream } = outputBindings;
      if (!eventStream) return reply.send(200, contentType, valueText(shape, output, "member"));
      const others = shape.members.filter((member) => member !== eventStream);
      return sendEventStream(operation, output, reply, {
        contentType,
        status: 200,
        initial: Buffer.from(membersText(others, output, "member")),
        encode: (members, _schema, value) => Buffer.from(membersText(members, value, "member")),
      });
    },
    writeFailure(service, { code, status, model, members, message }, reply) {
      if (service?.queryCompatible)
        reply.headers["x-amzn-query-error"] =
          `${model?.queryCode ?? code};${status < 500 ? "Sender" : "Receiver"}`;
      const body = model ? valueText(model.shape, members, "member") : JSON.stringify({ message });
      const rest = body === "{}" ? "}" : `,${body.slice(1)}`;
      reply.send(status, contentType, `{"__type":${JSON.stringify(code)}${rest}`);
    },
  };
}

export const awsJson10: WireProtocol = jsonProtocol("1.0");
export const awsJson11: WireProtocol = jsonProtocol("1.1");
