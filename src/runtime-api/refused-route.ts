import type { IncomingMessage, ServerResponse } from "node:http";

const NOT_FOUND = Buffer.from("404 page not found\n");

/**
 * AWS: what is at none of the APIs' paths, and a method that its path does not have, are answered without an error's JSON
 * (shown by AWS's runtime interface emulator). `allowed`: the method of the path; undefined for an unknown path.
 */
export function refuseRoute(
  request: IncomingMessage,
  response: ServerResponse,
  allowed: string | undefined,
): void {
  request.resume();
  if (allowed !== undefined) {
    response.writeHead(405, { Allow: allowed, "Content-Length": 0 });
    response.end();
    return;
  }
  response.writeHead(404, {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Content-Length": NOT_FOUND.length,
  });
  response.end(NOT_FOUND);
}
