import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Clock } from "../../../ports/clock.ts";
import type { CodeStore } from "../../../ports/code-store.ts";

/** AWS: "a presigned URL that you can use to download the deployment package", valid for ten minutes. */
const VALID_MS = 10 * 60 * 1000;
const PATH = /^\/_lambent\/code\/([0-9a-f]{64})$/;
const PREFIX = "/_lambent/code/";

/** Links to deployment packages that work for a while without credentials, as GetFunction hands them out. */
export interface CodeDownloads {
  /** Absolute URL of a package, valid for ten minutes and until the program ends. */
  location(codeHash: string): string;
  /** Answers requests for such links; false when the request is for something else. */
  readonly serve: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** `endpoint` gives the origin that clients reach this server by, such as "http://127.0.0.1:4566". */
export function createCodeDownloads(dependencies: {
  readonly codeStore: CodeStore;
  readonly clock: Clock;
  readonly endpoint: () => string;
}): CodeDownloads {
  const { codeStore, clock, endpoint } = dependencies;
  const secret = randomBytes(32).toString("hex");
  // Hashed twice with the secret, as an HMAC is, so that nothing can be appended; without the objects that Node makes for one.
  const signatureOf = (codeHash: string, expires: string): string =>
    hash("sha256", secret + hash("sha256", `${secret}${codeHash}\n${expires}`));

  const refusal = (codeHash: string, query: URLSearchParams): string | undefined => {
    const expires = query.get("Expires") ?? "";
    const given = Buffer.from(query.get("Signature") ?? "");
    const expected = Buffer.from(signatureOf(codeHash, expires));
    if (given.byteLength !== expected.byteLength || !timingSafeEqual(given, expected)) return "Access Denied";
    return Number(expires) * 1000 < clock.nowMs() ? "Request has expired" : undefined;
  };

  return {
    location(codeHash) {
      const expires = String(Math.floor((clock.nowMs() + VALID_MS) / 1000));
      const signature = signatureOf(codeHash, expires);
      return `${endpoint()}${PREFIX}${codeHash}?Expires=${expires}&Signature=${signature}`;
    },
    serve(request, response) {
      if (!request.url?.startsWith(PREFIX)) return false;
      const url = new URL(request.url, "http://localhost");
      const codeHash = PATH.exec(url.pathname)?.[1];
      if (codeHash === undefined || (request.method !== "GET" && request.method !== "HEAD")) {
        refuse(response, { status: 404, code: "NoSuchKey", message: "The specified key does not exist." });
        return true;
      }
      const message = refusal(codeHash, url.searchParams);
      if (message !== undefined) refuse(response, { status: 403, code: "AccessDenied", message });
      else void send(codeStore, codeHash, { request, response });
      return true;
    },
  };
}

async function send(
  codeStore: CodeStore,
  codeHash: string,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): Promise<void> {
  let zip: AsyncIterable<Uint8Array>;
  try {
    zip = await codeStore.read(codeHash);
  } catch {
    refuse(response, { status: 404, code: "NoSuchKey", message: "The specified key does not exist." });
    return;
  }
  response.writeHead(200, { "content-type": "application/zip" });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  // A client that goes away ends the pipeline; there is nobody left to tell.
  await pipeline(Readable.from(zip), response).catch(() => response.destroy());
}

/** Errors look like those of the object store that AWS's links lead to. */
function refuse(
  response: ServerResponse,
  error: { readonly status: number; readonly code: string; readonly message: string },
): void {
  const body =
    `<?xml version="1.0" encoding="UTF-8"?>\n` +
    `<Error><Code>${error.code}</Code><Message>${error.message}</Message></Error>`;
  response.writeHead(error.status, { "content-type": "application/xml" });
  response.end(body);
}
