import type { EventFormat } from "./event-stream.ts";
import { parseJson } from "./json-body.ts";
import { membersText, valueText } from "./json-text.ts";
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
  writeMembers: (_service, bindings, output) => membersText(bindings.body, output, "json-name"),
  writePayload: (_service, payload, value) => valueText(payload.shape, value, "json-name"),
  writeFailure(_service, { code, status, model, members, message }, reply) {
    reply.headers["x-amzn-ErrorType"] = code;
    const body = model ? membersText(model.bindings.body, members, "json-name") : JSON.stringify({ message });
    reply.send(status, contentType, body);
  },
  events: {
    contentType,
    encode: (members, _schema, value) => Buffer.from(membersText(members, value, "json-name")),
  },
};
