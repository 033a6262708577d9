import { writeErrorXml } from "./error-xml.ts";
import type { RestBody } from "./rest-body.ts";
import { serializationError } from "./serialization-error.ts";
import { parseXml, readXmlMembers, writeXmlElement, writeXmlMembers, xmlDeclaration } from "./xml-body.ts";

const contentType = "application/xml";

/** The bodies of restXml. */
export const restXml: RestBody = {
  contentType,
  blobContentType: "application/octet-stream",
  readMembers: ({ xml }, members, bytes) => readXmlMembers(members, parseXml(xml, bytes)),
  readPayload({ xml }, { name, shape }, bytes) {
    if (shape.kind !== "structure") throw serializationError(`The body cannot be read as ${name}`);
    return readXmlMembers(shape.members, parseXml(xml, bytes));
  },
  writeMembers: ({ xml }, { bodySchema }, output) => writeXmlMembers(xml, bodySchema, output),
  writePayload(service, { shape, xmlName }, value) {
    if (shape.kind !== "structure") throw new Error(`${xmlName} cannot be an XML body`);
    return (
      xmlDeclaration +
      writeXmlElement(service.xml, shape.schema, value, { name: xmlName, xmlns: service.xmlNamespace })
    );
  },
  writeFailure(service, failure, reply) {
    reply.send(failure.status, contentType, writeErrorXml(service, failure, failure.code, reply.requestId));
  },
};
