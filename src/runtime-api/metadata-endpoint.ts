import type { IncomingMessage, ServerResponse } from "node:http";
import type { EnvironmentMetadata } from "../environments/environment-metadata.ts";
import { sendJson } from "./json-answer.ts";

const PATH = "/2026-01-15/metadata/execution-environment";

/** Whether the request is for the metadata endpoint, which shares the Runtime API's address. */
export const isMetadataPath = (path: string | undefined): boolean => path === PATH;

/** Answers as "Using the Lambda metadata endpoint" in the developer guide describes. */
export function answerMetadata(
  metadata: EnvironmentMetadata,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  request.resume();
  if (request.method !== "GET") {
    response.writeHead(405, { Allow: "GET", "Content-Length": 0 }).end();
    return;
  }
  if (request.headers.authorization !== `Bearer ${metadata.token}`) {
    response.writeHead(401, { "Content-Length": 0 }).end();
    return;
  }
  sendJson(response, 200, JSON.stringify({ AvailabilityZoneID: metadata.availabilityZoneId }), {
    "Cache-Control": "private, max-age=43200, immutable",
  });
}
