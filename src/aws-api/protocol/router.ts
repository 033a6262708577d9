import type { IncomingHttpHeaders } from "node:http";
import { decodeSegment, type Parameters } from "./query-string.ts";
import type { Member } from "./shape.ts";

/** What the router must know of an operation. */
export interface Route<T> {
  readonly target: T;
  readonly method: string;
  /** The path of the http trait, e.g. "/2018-10-31/layers?find=LayerVersion". */
  readonly path: string;
  /** Required members in query or headers: they tell apart operations that share a URL. */
  readonly requiredElsewhere: readonly Member[];
}

export interface RouteMatch<T> {
  readonly target: T;
  /** Decoded path labels by member name. */
  readonly labels: Readonly<Record<string, string>>;
}

interface Candidate<T> extends Route<T> {
  readonly labelNames: readonly string[];
  readonly fixedQuery: readonly (readonly [name: string, value: string | undefined])[];
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>;
  label: Node<T> | undefined;
  greedyLabel: Node<T> | undefined;
  readonly candidates: Candidate<T>[];
}

interface Search {
  readonly method: string;
  readonly segments: readonly string[];
  readonly query: Parameters;
  readonly headers: IncomingHttpHeaders;
  readonly values: string[];
}

const newNode = <T>(): Node<T> => ({
  literals: new Map(),
  label: undefined,
  greedyLabel: undefined,
  candidates: [],
});

/** Finds the operation of a REST service by method, path, fixed query parameters and required members. */
export class Router<T> {
  readonly #root: Node<T> = newNode();

  /** The first path segments in use, such as API versions. */
  get firstSegments(): Iterable<string> {
    return this.#root.literals.keys();
  }

  add(route: Route<T>): void {
    const [path = "", query = ""] = route.path.split("?");
    const labelNames: string[] = [];
    let node = this.#root;
    for (const segment of path.split("/").filter((part) => part !== "")) {
      if (segment.startsWith("{")) {
        const greedy = segment.endsWith("+}");
        labelNames.push(segment.slice(1, greedy ? -2 : -1));
        const next = (greedy ? node.greedyLabel : node.label) ?? newNode<T>();
        if (greedy) node.greedyLabel = next;
        else node.label = next;
        node = next;
      } else {
        const next = node.literals.get(segment) ?? newNode<T>();
        node.literals.set(segment, next);
        node = next;
      }
    }
    node.candidates.push({ ...route, labelNames, fixedQuery: fixedQueryOf(query) });
    node.candidates.sort((a, b) => specificity(b) - specificity(a));
  }

  /** `undefined` when no operation answers; throws SerializationException for bad percent-encoding in a label. */
  find(
    method: string,
    path: string,
    query: Parameters,
    headers: IncomingHttpHeaders,
  ): RouteMatch<T> | undefined {
    const segments = path.split("/");
    if (segments.at(-1) === "") segments.pop();
    const search: Search = { method, segments, query, headers, values: [] };
    // What stands before the first slash is no segment.
    const found = walk(this.#root, 1, search);
    if (!found) return undefined;
    const labels: Record<string, string> = {};
    for (const [index, name] of found.labelNames.entries())
      labels[name] = decodeSegment(search.values[index] ?? "");
    return { target: found.target, labels };
  }
}

function walk<T>(node: Node<T>, depth: number, search: Search): Candidate<T> | undefined {
  const { segments, values } = search;
  const segment = segments[depth];
  if (segment === undefined) return choose(node.candidates, search);
  const literal = node.literals.get(segment);
  const viaLiteral = literal && walk(literal, depth + 1, search);
  if (viaLiteral) return viaLiteral;
  // AWS: an empty label never matches; SDKs refuse to send one.
  if (node.label && segment !== "") {
    values.push(segment);
    const viaLabel = walk(node.label, depth + 1, search);
    if (viaLabel) return viaLabel;
    values.pop();
  }
  if (node.greedyLabel) {
    values.push(segments.slice(depth).join("/"));
    const viaGreedy = walk(node.greedyLabel, segments.length, search);
    if (viaGreedy) return viaGreedy;
    values.pop();
  }
  return undefined;
}

function choose<T>(
  candidates: readonly Candidate<T>[],
  { method, query, headers }: Search,
): Candidate<T> | undefined {
  const fitting = candidates.filter(
    (candidate) =>
      candidate.method === method &&
      candidate.fixedQuery.every(([name, value]) => {
        const given = query.get(name);
        return given !== undefined && (value === undefined || given[0] === value);
      }),
  );
  if (fitting.length < 2) return fitting[0];
  return (
    fitting.find((candidate) =>
      candidate.requiredElsewhere.every(({ traits }) =>
        traits.httpQuery === undefined
          ? (traits.httpHeader ?? "").toLowerCase() in headers
          : query.has(traits.httpQuery),
      ),
    ) ?? fitting.at(-1)
  );
}

function fixedQueryOf(query: string): [string, string | undefined][] {
  return (
    query
      .split("&")
      .filter((part) => part !== "")
      .map((part): [string, string | undefined] => {
        const [name = "", value] = part.split("=");
        return [name, value === "" ? undefined : value];
      })
      // The SDKs' own hint for S3; servers do not depend on it.
      .filter(([name]) => name !== "x-id")
  );
}

function specificity(candidate: Candidate<unknown>): number {
  return candidate.fixedQuery.length + candidate.requiredElsewhere.length;
}
