import type { Failure } from "./failure.ts";
import type { ServiceModel } from "./service-model.ts";
import { escapeXml, xmlDeclaration } from "./xml-body.ts";

/** The error body of awsQuery and restXml: `ErrorResponse`, or S3's bare `Error`. */
export function writeErrorXml(
  service: ServiceModel | undefined,
  { status, message, members }: Failure,
  code: string,
  requestId: string,
): string {
  const details = Object.entries(members)
    .filter(([name, value]) => isSimple(value) && !/^(message|type|code)$/i.test(name))
    .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
    .join("");
  const common = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>${details}`;
  const id = `<RequestId>${requestId}</RequestId>`;
  if (service?.dialect.wrapsXmlErrors === false) return `${xmlDeclaration}<Error>${common}${id}</Error>`;
  const xmlns = service ? ` xmlns="${escapeXml(service.xmlNamespace)}"` : "";
  const type = `<Type>${status < 500 ? "Sender" : "Receiver"}</Type>`;
  return `<ErrorResponse${xmlns}><Error>${type}${common}</Error>${id}</ErrorResponse>`;
}

function isSimple(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
