import type { Parameters } from "./query-string.ts";
import { serializationError } from "./serialization-error.ts";
import type { Member, Shape } from "./shape.ts";
import { readText } from "./text-values.ts";
import { checkNumberType, maxDepth, setOwn } from "./value-reader.ts";

/** The parameters of an awsQuery request as the tree that their dotted names spell. */
interface FormNode {
  value: string | undefined;
  readonly children: Map<string, FormNode>;
}

const newNode = (): FormNode => ({ value: undefined, children: new Map() });

/** Reads an awsQuery form into the input that members describe. Throws SerializationException. */
export function readForm(members: readonly Member[], parameters: Parameters): Record<string, unknown> {
  return readMembers(members, treeOf(parameters));
}

function treeOf(parameters: Parameters): FormNode {
  const root = newNode();
  for (const [name, values] of parameters) {
    const parts = name.split(".", maxDepth * 2 + 1);
    if (parts.length > maxDepth * 2) throw serializationError("A parameter name has too many parts");
    let node = root;
    for (const part of parts) {
      const next = node.children.get(part) ?? newNode();
      node.children.set(part, next);
      node = next;
    }
    node.value = values[0];
  }
  return root;
}

function readMembers(members: readonly Member[], node: FormNode): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const member of members) {
    const child = node.children.get(member.xmlName);
    const value = child && readNode(member.shape, child, member.traits.xmlFlattened === 1);
    if (value === undefined) continue;
    checkNumberType(member.constraint, value, member.pathName);
    result[member.name] = value;
  }
  return result;
}

function readNode(shape: Shape, node: FormNode, flattened: boolean): unknown {
  switch (shape.kind) {
    case "structure":
      return readMembers(shape.members, node);
    case "list":
      return readList(shape, node, flattened);
    case "map":
      return readMap(shape, node, flattened);
    case "string":
    case "boolean":
    case "number":
    case "blob":
    case "timestamp":
    case "document":
    case "unit":
      if (node.value === undefined) {
        if (node.children.size > 0)
          throw serializationError("A structured parameter stands where a simple one is expected");
        return undefined;
      }
      return readText(shape, node.value, "date-time");
  }
}

/** AWS: `Name=` alone is an empty list; elements stand at `Name.member.N`, or `Name.N` when flattened. */
function readList(shape: Extract<Shape, { kind: "list" }>, node: FormNode, flattened: boolean): unknown[] {
  const holder = flattened
    ? node
    : (node.children.get(shape.elementName) ?? node.children.get("member") ?? node);
  return numbered(holder).map((child) => readNode(shape.element, child, false));
}

function readMap(
  shape: Extract<Shape, { kind: "map" }>,
  node: FormNode,
  flattened: boolean,
): Record<string, unknown> {
  const holder = flattened ? node : (node.children.get("entry") ?? node);
  const result: Record<string, unknown> = {};
  for (const entry of numbered(holder)) {
    const key = entry.children.get(shape.keyName)?.value;
    if (key === undefined) throw serializationError("A map entry has no key");
    const value = entry.children.get(shape.valueName);
    if (value) setOwn(result, key, readNode(shape.value, value, false));
  }
  return result;
}

/** The children that are numbered, in numeric order; gaps are closed, as AWS does. */
function numbered(node: FormNode): FormNode[] {
  const entries: [number, FormNode][] = [];
  for (const [name, child] of node.children) if (/^\d{1,9}$/.test(name)) entries.push([Number(name), child]);
  return entries.sort(([a], [b]) => a - b).map(([, child]) => child);
}
