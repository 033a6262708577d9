/** A request as its signature was made over it: nothing decoded, nothing normalised. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as on the request line. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export type SignatureAlgorithm = "AWS4-HMAC-SHA256" | "AWS4-ECDSA-P256-SHA256";

/** What a signed request claims; nothing of it is checked against a key yet. */
export interface SignatureClaim {
  readonly algorithm: SignatureAlgorithm;
  readonly accessKeyId: string;
  /** YYYYMMDD */
  readonly scopeDate: string;
  /** Empty for SigV4a, whose scope has none. */
  readonly scopeRegion: string;
  readonly service: string;
  /** In lower case, in the order in which they were signed. */
  readonly signedHeaders: readonly string[];
  /** Hexadecimal. */
  readonly signature: string;
  /** YYYYMMDDTHHMMSSZ */
  readonly date: string;
  readonly dateMs: number;
  /** Of presigned requests: for how long after `dateMs` they may be used. */
  readonly expiresSeconds: number | undefined;
  readonly sessionToken: string | undefined;
}

/** Why a request's signature was not accepted; each service has its own code and text for it. */
export type SignatureProblem =
  | { readonly kind: "missing" }
  | { readonly kind: "incomplete"; readonly detail: string }
  | { readonly kind: "unknown key" }
  | { readonly kind: "expired token" }
  | { readonly kind: "mismatch" }
  /** `detail`: AWS's sentence about which instant is too early or too late. */
  | { readonly kind: "clock"; readonly detail: string }
  | { readonly kind: "expired request" }
  | { readonly kind: "payload" };

export class SignatureRefused extends Error {
  readonly problem: SignatureProblem;

  constructor(problem: SignatureProblem) {
    super(problem.kind);
    this.problem = problem;
  }
}

/** AWS: a presigned URL is good for seven days at most. */
const EXPIRES_SECONDS_MAX = 604_800;
const TERMINATOR = "aws4_request";
const ALGORITHMS: ReadonlySet<string> = new Set(["AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"]);

/** One header as a single text; repeated ones are joined as the signature does. */
export function headerText(request: SignedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "object" ? value.join(",") : value;
}

/** `[name, value]` pairs of the query as they came, still percent-encoded. */
export function queryPairs(target: string): [string, string][] {
  const mark = target.indexOf("?");
  if (mark < 0) return [];
  return target
    .slice(mark + 1)
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      return equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    });
}

/**
 * Reads what the Authorization header or the query of a presigned request claims, as "Signature Version 4" has it.
 * Throws `SignatureRefused` when there is nothing, or when a part is missing or malformed.
 */
export function readSignatureClaim(request: SignedRequest): SignatureClaim {
  const authorization = headerText(request, "authorization");
  if (authorization !== undefined) return fromHeader(request, authorization);
  const query = new Map(queryPairs(request.target).map(([name, value]) => [decode(name), decode(value)]));
  if (query.has("X-Amz-Signature") || query.has("X-Amz-Credential")) return fromQuery(query);
  throw new SignatureRefused({ kind: "missing" });
}

function fromHeader(request: SignedRequest, authorization: string): SignatureClaim {
  const [, algorithm = "", rest = ""] = /^(\S+)\s+(.*)$/.exec(authorization) ?? [];
  if (!isAlgorithm(algorithm))
    throw incomplete(
      `Unsupported AWS 'algorithm': '${(algorithm || authorization).slice(0, 100)}'. Authorization=${algorithm}`,
    );
  const parts = new Map(
    rest.split(",").map((part): [string, string] => {
      const equals = part.indexOf("=");
      return [part.slice(0, equals).trim(), part.slice(equals + 1).trim()];
    }),
  );
  const missing = ["Credential", "Signature", "SignedHeaders"].filter((name) => !parts.get(name));
  const date = headerText(request, "x-amz-date") ?? amzDate(headerText(request, "date"));
  const sentences = missing.map((name) => `Authorization header requires '${name}' parameter.`);
  if (date === undefined)
    sentences.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  if (sentences.length > 0) throw incomplete(`${sentences.join(" ")} Authorization=${algorithm}`);
  return {
    algorithm,
    ...readCredential(parts.get("Credential") ?? "", algorithm),
    signedHeaders: (parts.get("SignedHeaders") ?? "").split(";"),
    signature: parts.get("Signature") ?? "",
    ...readDate(date ?? ""),
    expiresSeconds: undefined,
    sessionToken: headerText(request, "x-amz-security-token"),
  };
}

function fromQuery(query: ReadonlyMap<string, string>): SignatureClaim {
  const needed = ["Algorithm", "Credential", "Signature", "SignedHeaders", "Date"];
  const missing = needed.filter((name) => !query.get(`X-Amz-${name}`));
  if (missing.length > 0)
    throw incomplete(
      missing.map((name) => `AWS query-string parameters must include 'X-Amz-${name}'.`).join(" "),
    );
  const part = (name: string): string => query.get(`X-Amz-${name}`) ?? "";
  const algorithm = part("Algorithm");
  if (!isAlgorithm(algorithm)) throw incomplete(`Unsupported AWS 'algorithm': '${algorithm.slice(0, 100)}'.`);
  const expires = query.get("X-Amz-Expires");
  const expiresSeconds = expires === undefined ? undefined : Number(expires);
  if (expiresSeconds !== undefined && !(expiresSeconds >= 0 && expiresSeconds <= EXPIRES_SECONDS_MAX))
    throw incomplete("X-Amz-Expires must be a number between 0 and 604800");
  return {
    algorithm,
    ...readCredential(part("Credential"), algorithm),
    signedHeaders: part("SignedHeaders").split(";"),
    signature: part("Signature"),
    ...readDate(part("Date")),
    // AWS: without the parameter a presigned request is good for as long as a signed header is.
    expiresSeconds: expiresSeconds ?? 900,
    sessionToken: query.get("X-Amz-Security-Token"),
  };
}

const isAlgorithm = (name: string): name is SignatureAlgorithm => ALGORITHMS.has(name);

function readCredential(
  credential: string,
  algorithm: SignatureAlgorithm,
): Pick<SignatureClaim, "accessKeyId" | "scopeDate" | "scopeRegion" | "service"> {
  const parts = credential.split("/");
  const hasRegion = algorithm === "AWS4-HMAC-SHA256";
  if (parts.length < (hasRegion ? 5 : 4) || parts.pop() !== TERMINATOR)
    throw incomplete(
      `Credential must have at least 5 slash-delimited elements and end in '${TERMINATOR}', e.g. keyid/date/region/service/term, got '${credential.slice(0, 200)}'`,
    );
  const service = parts.pop() ?? "";
  const scopeRegion = hasRegion ? (parts.pop() ?? "") : "";
  const scopeDate = parts.pop() ?? "";
  return { accessKeyId: parts.join("/"), scopeDate, scopeRegion, service };
}

const AMZ_DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

function readDate(date: string): Pick<SignatureClaim, "date" | "dateMs"> {
  const dateMs = Date.parse(date.replace(AMZ_DATE, "$1-$2-$3T$4:$5:$6Z"));
  if (!AMZ_DATE.test(date) || Number.isNaN(dateMs))
    throw incomplete(`Date must be in ISO-8601 'basic format'. Got '${date.slice(0, 100)}'.`);
  return { date, dateMs };
}

/** The instant of a Date header in the form of X-Amz-Date. */
function amzDate(date: string | undefined): string | undefined {
  if (date === undefined) return undefined;
  const instantMs = Date.parse(date);
  return Number.isNaN(instantMs) ? date : new Date(instantMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
}

const incomplete = (detail: string): SignatureRefused => new SignatureRefused({ kind: "incomplete", detail });

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw incomplete("The query is not correctly percent-encoded.");
  }
}
