import { invalidParameterValue } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import {
  functionNotFound,
  type Owner,
  parseFunctionReference,
  parseUnqualifiedReference,
} from "../core/function-reference.ts";
import type { FunctionDocument } from "./documents.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import { describeLatest, describeVersion, type FunctionDescription } from "./function-description.ts";

export interface PageRequest {
  readonly marker: string | undefined;
  readonly maxItems: number | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Asks for the next page; absent on the last one. */
  readonly nextMarker: string | undefined;
}

export interface CodeUsage {
  readonly functionCount: number;
  readonly codeStorageBytes: number;
}

/** Reads about functions; answers come from memory. */
export class FunctionDirectory {
  readonly #catalogue: FunctionCatalogue;

  constructor(catalogue: FunctionCatalogue) {
    this.#catalogue = catalogue;
  }

  /** A function, version or what an alias points to; throws AWS's 404. */
  describe(
    owner: Owner,
    reference: string,
    qualifier?: string,
  ): { readonly description: FunctionDescription; readonly head: FunctionDocument } {
    const parsed = parseFunctionReference(owner, reference, qualifier);
    const asked = parsed.qualifier;
    const record = this.#catalogue.get(owner, parsed.functionName, asked);
    const { head } = record;
    if (asked === undefined || asked === "$LATEST") return { description: describeLatest(head, asked), head };
    const version = record.alias(asked)?.functionVersion ?? asked;
    if (version === "$LATEST") return { description: describeLatest(head, asked), head };
    const published = record.version(version);
    if (published === undefined) throw functionNotFound(owner, parsed.functionName, asked);
    return { description: describeVersion(head, published.document, asked), head };
  }

  /** Functions in order of their names, with all their versions when asked for. */
  list(owner: Owner, page: PageRequest & { readonly allVersions: boolean }): Page<FunctionDescription> {
    const names = this.#catalogue.names(owner);
    const after = page.marker === undefined ? undefined : decodeMarker(page.marker);
    const size = Math.min(page.maxItems ?? FUNCTION_LIMITS.pageSizeDefault, FUNCTION_LIMITS.pageSizeDefault);
    const items: FunctionDescription[] = [];
    let index = after === undefined ? 0 : firstNotBefore(names, after.name);
    for (; index < names.length; index++) {
      const functionName = names[index] ?? "";
      const described = page.allVersions
        ? this.#versions(owner, functionName)
        : [describeLatest(this.#catalogue.get(owner, functionName).head)];
      for (const description of described) {
        if (after !== undefined && !isAfter(description, after)) continue;
        const last = items.at(-1);
        if (items.length === size && last !== undefined) return { items, nextMarker: encodeMarker(last) };
        items.push(description);
      }
    }
    return { items, nextMarker: undefined };
  }

  /** $LATEST, then the published versions in ascending order. */
  listVersions(owner: Owner, reference: string, page: PageRequest): Page<FunctionDescription> {
    const functionName = parseUnqualifiedReference(owner, reference);
    const after = page.marker === undefined ? undefined : decodeMarker(page.marker);
    const size = Math.min(page.maxItems ?? FUNCTION_LIMITS.pageSizeDefault, FUNCTION_LIMITS.pageSizeDefault);
    const remaining = this.#versions(owner, functionName).filter(
      (description) => after === undefined || isAfter(description, after),
    );
    const items = remaining.slice(0, size);
    const last = items.at(-1);
    const more = remaining.length > size && last !== undefined;
    return { items, nextMarker: more ? encodeMarker(last) : undefined };
  }

  usage(owner: Owner): CodeUsage {
    return {
      functionCount: this.#catalogue.names(owner).length,
      codeStorageBytes: this.#catalogue.codeStorageBytes(owner),
    };
  }

  #versions(owner: Owner, functionName: string): FunctionDescription[] {
    const record = this.#catalogue.get(owner, functionName);
    return [
      describeLatest(record.head, "$LATEST"),
      ...record.publishedVersions().map(({ document }) => describeVersion(record.head, document)),
    ];
  }
}

/** The last item of the page before. */
interface Position {
  readonly name: string;
  readonly version: string;
}

const encodeMarker = ({ functionName, version }: FunctionDescription): string =>
  Buffer.from(JSON.stringify([functionName, version])).toString("base64url");

function decodeMarker(marker: string): Position {
  try {
    const decoded: unknown = JSON.parse(Buffer.from(marker, "base64url").toString());
    if (Array.isArray(decoded) && typeof decoded[0] === "string" && typeof decoded[1] === "string") {
      return { name: decoded[0], version: decoded[1] };
    }
  } catch {
    // Answered below: not a marker of ours.
  }
  throw invalidParameterValue("Invalid Marker.");
}

function isAfter({ functionName, version }: FunctionDescription, position: Position): boolean {
  if (functionName !== position.name) return functionName > position.name;
  return versionOrder(version) > versionOrder(position.version);
}

const versionOrder = (version: string): number => (version === "$LATEST" ? 0 : Number(version));

/** Index of the first name that is not below `name`, by bisection. */
function firstNotBefore(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
