import { writeErrorXml } from "./error-xml.ts";
import { readForm } from "./form-body.ts";
import { type Parameters, parseParameters } from "./query-string.ts";
import type { WireProtocol, WireRequest } from "./wire-protocol.ts";
import { writeXmlElement } from "./xml-body.ts";

const contentType = "text/xml";

/** The parameters of an awsQuery request: the form in the body, or the URL's query for GET. Parsed once. */
export function queryParametersOf(request: WireRequest): Parameters {
  request.parameters ??= parse(request);
  return request.parameters;
}

function parse({ method, query, body }: WireRequest): Parameters {
  if (method === "GET" || body.byteLength === 0) return query;
  return parseParameters(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"));
}

/** awsQuery: a form with Action and Version in, XML out. */
export const awsQuery: WireProtocol = {
  namesOperationInBody: true,
  route(service, request) {
    const operation = service.operations.get(queryParametersOf(request).get("Action")?.[0] ?? "");
    return operation && { operation, labels: {} };
  },
  describeTarget(request) {
    const parameters = queryParametersOf(request);
    return `${parameters.get("Action")?.[0] ?? "a request without Action"} (version ${parameters.get("Version")?.[0] ?? "not given"})`;
  },
  read({ operation: { input } }, request) {
    return input.kind === "structure" ? readForm(input.members, queryParametersOf(request)) : {};
  },
  write({ name, output: shape, service }, output, reply) {
    const result =
      shape.kind === "structure"
        ? writeXmlElement(service.xml, shape.schema, output, { name: `${name}Result`, xmlns: undefined })
        : "";
    const metadata = `<ResponseMetadata><RequestId>${reply.requestId}</RequestId></ResponseMetadata>`;
    reply.send(
      200,
      contentType,
      `<${name}Response xmlns="${service.xmlNamespace}">${result}${metadata}</${name}Response>`,
    );
  },
  writeFailure(service, failure, reply) {
    const status = failure.model?.queryStatus ?? failure.status;
    const code = failure.model?.queryCode ?? failure.code;
    reply.send(status, contentType, writeErrorXml(service, { ...failure, status }, code, reply.requestId));
  },
};
