import { AwsError } from "../../core/errors.ts";
import { cborServiceOf, rpcv2Cbor } from "./cbor-protocol.ts";
import type { PreflightAnswer, ServiceDefinition } from "./handlers.ts";
import { awsJson10, awsJson11 } from "./json-protocol.ts";
import { awsQuery, queryParametersOf } from "./query-protocol.ts";
import { restJson1, restXml1 } from "./rest-protocol.ts";
import { s3Xml } from "./s3-protocol.ts";
import { buildServiceModel, type ServiceModel } from "./service-model.ts";
import type { WireProtocol, WireRequest } from "./wire-protocol.ts";

/** Services whose clients read XML although nothing in a request without a body says so. */
const xmlSigningNames: ReadonlySet<string> = new Set([
  "s3",
  "s3express",
  "s3-outposts",
  "route53",
  "cloudfront",
]);

/** Namespace of the model whose restXml has rules of its own. */
const S3_NAMESPACE = "com.amazonaws.s3";

/** Finds the service and the protocol of a request; one endpoint serves all services. */
export class ServiceCatalogue {
  readonly #bySigningName = new Map<string, ServiceModel>();
  readonly #byTarget = new Map<string, ServiceModel>();
  readonly #byFirstSegment = new Map<string, ServiceModel>();
  readonly #claiming: { readonly service: ServiceModel; readonly definition: ServiceDefinition }[] = [];

  /** Throws when a service's model is not supported or a handler belongs to no operation. */
  constructor(definitions: readonly ServiceDefinition[]) {
    for (const definition of definitions) {
      const service = buildServiceModel(definition);
      if (definition.claims) this.#claiming.push({ service, definition });
      this.#bySigningName.set(service.signingName, service);
      if (service.targetPrefix !== "") this.#byTarget.set(service.targetPrefix, service);
      for (const segment of service.router.firstSegments) this.#byFirstSegment.set(segment, service);
    }
  }

  /** The service that knows its requests by more than these tell: one that is signed for it or that it claims. */
  claimant(request: WireRequest, signingName: string | undefined): ServiceModel | undefined {
    if (request.headers["x-amz-target"] !== undefined) return undefined;
    for (const { service, definition } of this.#claiming)
      if (
        signingName === undefined
          ? definition.claims?.(request) === true
          : signingName === service.signingName
      )
        return service;
    return undefined;
  }

  /** The first answer that a service has to an OPTIONS request. */
  preflight(request: WireRequest): PreflightAnswer | undefined {
    for (const { definition } of this.#claiming) {
      const answer = definition.preflight?.(request);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /**
   * The service by X-Amz-Target, Smithy RPC path, signing name or, for unsigned requests, the form's Action and
   * Version or the path's first segment. `undefined` when it is none of ours. A form must have been read before.
   */
  find(request: WireRequest, signingName: string | undefined): ServiceModel | undefined {
    const target = request.headers["x-amz-target"];
    if (typeof target === "string") return this.#byTarget.get(target.slice(0, target.lastIndexOf(".")));
    if (speaksCbor(request)) return this.#byTarget.get(cborServiceOf(request.path) ?? "");
    if (signingName !== undefined) return this.#bySigningName.get(signingName);
    if (carriesForm(request)) return this.#findByForm(request);
    return this.#byFirstSegment.get(request.path.split("/", 2)[1] ?? "");
  }

  #findByForm(request: WireRequest): ServiceModel | undefined {
    const parameters = queryParametersOf(request);
    const action = parameters.get("Action")?.[0] ?? "";
    const version = parameters.get("Version")?.[0];
    for (const service of this.#bySigningName.values()) {
      const speaksQuery = service.protocol === "awsQuery" || service.queryCompatible;
      if (speaksQuery && service.version === version && service.operations.has(action)) return service;
    }
    return undefined;
  }

  /** The error for a request whose service is not served. */
  unknownService(request: WireRequest, signingName: string | undefined): AwsError {
    const target = request.headers["x-amz-target"];
    const named =
      typeof target === "string" ? target.split(".")[0] : (cborServiceOf(request.path) ?? signingName);
    const what =
      named === undefined
        ? "The request names no AWS service that Lambent serves"
        : `Lambent does not serve the service ${named}`;
    const served = [...this.#bySigningName.keys()].sort().join(", ");
    // 501: clients do not retry it and do not take it for a missing resource.
    return new AwsError("UnknownServiceException", `${what}; it serves: ${served}.`, 501);
  }
}

/** A form, or a query that names an action, as awsQuery requests have. */
export function carriesForm({ method, headers, query }: WireRequest): boolean {
  if (method === "GET") return query.has("Action");
  return headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
}

function speaksCbor({ headers, path }: WireRequest): boolean {
  return headers["smithy-protocol"] === "rpc-v2-cbor" || path.startsWith("/service/");
}

/** The protocol that a client of a service speaks: a service may be reached by several. */
export function protocolOf(service: ServiceModel, request: WireRequest): WireProtocol {
  if (service.protocol === "restJson1") return restJson1;
  if (service.protocol === "restXml") return service.namespace === S3_NAMESPACE ? s3Xml(request) : restXml1;
  if (speaksCbor(request)) return rpcv2Cbor;
  if (request.headers["x-amz-target"] !== undefined) return jsonOf(request);
  if (carriesForm(request) || service.protocol === "awsQuery") return awsQuery;
  return jsonOf(request);
}

/** The protocol in which a client understands that its service is not served. */
export function evidentProtocolOf(request: WireRequest, signingName: string | undefined): WireProtocol {
  if (speaksCbor(request)) return rpcv2Cbor;
  if (request.headers["x-amz-target"] !== undefined) return jsonOf(request);
  if (carriesForm(request)) return awsQuery;
  const expectsXml =
    (signingName !== undefined && xmlSigningNames.has(signingName)) ||
    request.headers["content-type"]?.includes("xml") === true;
  return expectsXml ? restXml1 : restJson1;
}

function jsonOf({ headers }: WireRequest): WireProtocol {
  return headers["content-type"]?.includes("json-1.0") ? awsJson10 : awsJson11;
}
