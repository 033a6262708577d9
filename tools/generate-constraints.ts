/**
 * Writes src/aws-api/protocol/constraints.generated.json: what the SDK's schemas leave out of the service models
 * (lengths, ranges, patterns, enums, whole numbers), for the inputs of every operation. Run it when an SDK client is
 * upgraded: `node tools/generate-constraints.ts`, with a python3 that imports a botocore as new as the clients
 * (`pip install --target DIR botocore`, then PYTHONPATH=DIR).
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Constraint, ConstraintTable } from "../src/aws-api/protocol/constraints.ts";

/** Name of each service's model in botocore by the service's signing name. */
const services = {
  lambda: "lambda",
  iam: "iam",
  sts: "sts",
  logs: "logs",
  monitoring: "cloudwatch",
  sqs: "sqs",
  events: "events",
  scheduler: "scheduler",
};

const numberTypes: ReadonlySet<string> = new Set(["integer", "long", "float", "double"]);

interface ModelShape {
  readonly type: string;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: string[];
  readonly members?: Record<string, { shape: string }>;
  readonly member?: { shape: string };
  readonly key?: { shape: string };
  readonly value?: { shape: string };
}
interface ServiceModel {
  readonly operations: Record<string, { input?: { shape: string } }>;
  readonly shapes: Record<string, ModelShape>;
}

const readModels = `
import botocore, botocore.session, json, sys
loader = botocore.session.get_session().get_component("data_loader")
models = {name: loader.load_service_model(name, "service-2") for name in sys.argv[1:]}
json.dump({"version": botocore.__version__, "models": models}, sys.stdout)
`;

function tableOf(model: ServiceModel): Record<string, Constraint> {
  const table: Record<string, Constraint> = {};
  const visited = new Set<string>();
  const shapeNamed = (name: string): ModelShape => {
    const shape = model.shapes[name];
    if (shape === undefined) throw new Error(`The model has no shape ${name}`);
    return shape;
  };

  const constraintOf = (name: string): Constraint | undefined => {
    const { type, min, max, pattern, enum: values, member, key, value } = shapeNamed(name);
    const constraint: Record<string, unknown> = { min, max, pattern, enum: values };
    if (numberTypes.has(type)) constraint.type = type;
    if (type === "list" && member) constraint.member = constraintOf(member.shape);
    if (type === "map" && key) constraint.key = constraintOf(key.shape);
    if (type === "map" && value) constraint.value = constraintOf(value.shape);
    return Object.values(constraint).some((part) => part !== undefined) ? constraint : undefined;
  };

  const walk = (name: string): void => {
    if (visited.has(name)) return;
    visited.add(name);
    const shape = shapeNamed(name);
    for (const [memberName, member] of Object.entries(shape.members ?? {})) {
      const constraint = constraintOf(member.shape);
      if (constraint) table[`${name}.${memberName}`] = constraint;
      walk(member.shape);
    }
    for (const part of [shape.member, shape.value]) if (part) walk(part.shape);
  };

  for (const operation of Object.values(model.operations)) if (operation.input) walk(operation.input.shape);
  return table;
}

const output = execFileSync("python3", ["-c", readModels, ...Object.values(services)], {
  maxBuffer: 256 * 1024 * 1024,
});
const { version, models } = JSON.parse(output.toString()) as {
  version: string;
  models: Record<string, ServiceModel>;
};
const modelNamed = (name: string): ServiceModel => {
  const model = models[name];
  if (model === undefined) throw new Error(`botocore has no model of ${name}`);
  return model;
};
const result: ConstraintTable = {
  source: `botocore ${version}`,
  services: Object.fromEntries(
    Object.entries(services).map(([signingName, name]) => [signingName, tableOf(modelNamed(name))]),
  ),
};
const target = join(import.meta.dirname, "../src/aws-api/protocol/constraints.generated.json");
writeFileSync(target, `${JSON.stringify(result, undefined, 1)}\n`);
for (const [name, table] of Object.entries(result.services))
  console.log(`${name}: ${Object.keys(table).length} constrained members`);
