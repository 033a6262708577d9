import type { EventFormat } from "./event-stream.ts";
import { membersToJson, parseJson, toJson } from "./json-body.ts";
import type { RestBody } from "./rest-body.ts";
import { readStructure, readValue, restJsonFormat } from "./value-reader.ts";

const contentType = "application/json";

/** The bodies of restJson1. */
export const restJson: RestBody & { readonly events: EventFormat } = {
  contentType,
  // AWS: what Invoke returns is declared as JSON, whatever the function returned.
  blobContentType: contentType,
  readMembers: (_service, members, bytes) => readStructure({ members }, parseJson(bytes), restJsonFormat),
  readPayload: (_service, payload, bytes) =>
    readValue(payload.shape, parseJson(bytes), restJsonFormat, { path: payload.pathName, depth: 0 }),
  writeMembers: (_service, bindings, output) =>
    JSON.stringify(membersToJson(bindings.body, output, "json-name")),
  writePayload: (_service, payload, value) => JSON.stringify(toJson(payload.shape, value, "json-name")),
  writeFailure(_service, { code, status, model, members, message }, reply) {
    reply.headers["x-amzn-ErrorType"] = code;
    const body = model ? membersToJson(model.bindings.body, { ...members }, "json-name") : { message };
    reply.send(status, contentType, JSON.stringify(body));
  },
  events: {
    contentType,
    encode: (members, _schema, value) =>
      Buffer.from(JSON.stringify(membersToJson(members, value, "json-name"))),
  },
};
