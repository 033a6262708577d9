import type { XmlCodec } from "@aws-sdk/core/protocols";
import { NormalizedSchema } from "@smithy/core/schema";
import { type Bindings, bindingsOf } from "./bindings.ts";
import { constraintsOf } from "./constraints.ts";
import type { RequestContext, ServiceDefinition } from "./handlers.ts";
import { Router } from "./router.ts";
import { type BodyLimit, dialectOf, type ServiceDialect } from "./service-dialect.ts";
import { type Shape, ShapeCompiler, type Traits } from "./shape.ts";
import type { Leniency } from "./validation.ts";
import { xmlCodec } from "./xml-body.ts";

export type ProtocolName = "restJson1" | "restXml" | "awsJson1_0" | "awsJson1_1" | "awsQuery" | "rpcv2Cbor";
const protocolNames: readonly string[] = [
  "restJson1",
  "restXml",
  "awsJson1_0",
  "awsJson1_1",
  "awsQuery",
  "rpcv2Cbor",
] satisfies ProtocolName[];

/** Everything about an operation that its schema tells, looked up once at start. */
export interface Operation {
  readonly name: string;
  readonly service: ServiceModel;
  readonly input: Shape;
  readonly output: Shape;
  readonly outputSchema: NormalizedSchema;
  readonly inputBindings: Bindings;
  readonly outputBindings: Bindings;
  /** Status of a success. */
  readonly status: number;
  readonly bodyLimit: BodyLimit;
  /** The input has a body that the handler reads as a stream. */
  readonly streamsInput: boolean;
  readonly handler: ((input: never, context: RequestContext) => unknown) | undefined;
}

/** An error of the model. */
export interface ErrorModel {
  readonly name: string;
  readonly shape: Shape;
  readonly bindings: Bindings;
  readonly status: number;
  readonly fault: "client" | "server";
  /** Code on the wire of the query protocol, where it differs from the name. */
  readonly queryCode: string;
  readonly queryStatus: number;
}

export interface ServiceModel {
  readonly signingName: string;
  readonly protocol: ProtocolName;
  /** API version, such as "2015-03-31". */
  readonly version: string;
  /** Prefix of X-Amz-Target. */
  readonly targetPrefix: string;
  readonly namespace: string;
  readonly xmlNamespace: string;
  /** The service once spoke awsQuery and still names errors that way beside its JSON (SQS, CloudWatch). */
  readonly queryCompatible: boolean;
  readonly operations: ReadonlyMap<string, Operation>;
  /** By name and by query code. */
  readonly errors: ReadonlyMap<string, ErrorModel>;
  readonly router: Router<Operation>;
  readonly xml: XmlCodec;
  readonly dialect: ServiceDialect;
  readonly leniency: Leniency;
}

interface ProtocolSettings {
  readonly defaultNamespace: string;
  readonly version?: string;
  readonly serviceTarget?: string;
  readonly xmlNamespace?: string;
  readonly awsQueryCompatible?: boolean;
}

type OperationSchema = readonly [9, string, string, Traits | number | undefined, unknown, unknown];
type ErrorSchema = readonly [-3, string, string, ...unknown[]];
const operationKind = 9;
const errorKind = -3;

/** A service's model while it is being filled. */
interface Draft {
  readonly service: ServiceModel;
  readonly operations: Map<string, Operation>;
  readonly errors: Map<string, ErrorModel>;
  readonly compiler: ShapeCompiler;
  readonly handlers: ServiceDefinition["handlers"];
}

/** Builds the model of a service from the SDK's client module. Throws when it is of a kind not supported. */
export function buildServiceModel(definition: ServiceDefinition): ServiceModel {
  const { signingName, client, module, handlers } = definition;
  const settings = client.config.protocolSettings as ProtocolSettings;
  const protocol = (client.config.protocol.getShapeId() as string).split("#")[1] ?? "";
  if (!isProtocolName(protocol)) throw new Error(`${signingName}: the protocol ${protocol} is not supported`);
  const operations = new Map<string, Operation>();
  const errors = new Map<string, ErrorModel>();
  const xmlNamespace = settings.xmlNamespace ?? "";
  const service: ServiceModel = {
    signingName,
    protocol,
    version: settings.version ?? "",
    targetPrefix: settings.serviceTarget ?? "",
    namespace: settings.defaultNamespace,
    xmlNamespace,
    queryCompatible: settings.awsQueryCompatible === true,
    operations,
    errors,
    router: new Router<Operation>(),
    xml: xmlCodec(xmlNamespace, settings.defaultNamespace),
    dialect: dialectOf(signingName, protocol),
    leniency: { members: new Set(definition.lenientMembers) },
  };
  const constraints = constraintsOf(signingName);
  const compiler = new ShapeCompiler(constraints);
  const draft: Draft = { service, operations, errors, compiler, handlers };
  for (const [name, schema] of Object.entries(module)) {
    if (!name.endsWith("$") || !Array.isArray(schema)) continue;
    if (schema[0] === operationKind) addOperation(draft, schema as never);
    else if (schema[0] === errorKind) addError(draft, schema as never);
  }
  checkNames(draft, definition, constraints);
  return service;
}

/** Names that the model does not have are mistakes of ours, found at start. */
function checkNames(
  { operations }: Draft,
  { signingName, handlers, lenientMembers = [] }: ServiceDefinition,
  constraints: ReturnType<typeof constraintsOf>,
): void {
  for (const name of Object.keys(handlers))
    if (!operations.has(name)) throw new Error(`${signingName} has no operation ${name}`);
  for (const name of lenientMembers)
    if (constraints[name]?.enum === undefined) throw new Error(`${signingName} has no enum at ${name}`);
}

function addOperation({ service, operations, compiler, handlers }: Draft, schema: OperationSchema): void {
  const [, , name, traits, inputSchema, outputSchema] = schema;
  const input = compiler.compile(NormalizedSchema.of(inputSchema as never));
  const normalizedOutput = NormalizedSchema.of(outputSchema as never);
  const http = typeof traits === "object" ? traits.http : undefined;
  const output = compiler.compile(normalizedOutput);
  const inputBindings = bindingsOf(input);
  const operation: Operation = {
    name,
    service,
    input,
    output,
    outputSchema: normalizedOutput,
    inputBindings,
    outputBindings: bindingsOf(output),
    status: http?.[2] ?? 200,
    bodyLimit: service.dialect.bodyLimit(name),
    streamsInput: inputBindings.payload?.streaming === true,
    handler: Object.hasOwn(handlers, name) ? (handlers[name] as never) : undefined,
  };
  operations.set(name, operation);
  if (http === undefined) return;
  const elsewhere = [...inputBindings.query, ...inputBindings.headers.map(({ member }) => member)];
  service.router.add({
    target: operation,
    method: http[0],
    path: http[1],
    requiredElsewhere: elsewhere.filter((member) => member.required),
  });
}

function addError({ errors, compiler }: Draft, schema: ErrorSchema): void {
  const normalized = NormalizedSchema.of(schema as never);
  const traits = normalized.getMergedTraits() as Traits;
  const shape = compiler.compile(normalized);
  const fault = traits.error ?? "client";
  const status = traits.httpError ?? (fault === "server" ? 500 : 400);
  const [queryCode, queryStatus] = traits.awsQueryError ?? [schema[2], status];
  const model = {
    name: schema[2],
    shape,
    bindings: bindingsOf(shape),
    status,
    fault,
    queryCode,
    queryStatus,
  };
  errors.set(model.name, model);
  errors.set(queryCode, model);
}

function isProtocolName(name: string): name is ProtocolName {
  return protocolNames.includes(name);
}
