import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** Answers with JSON that is a text already. `more`: headers beside those of every answer, behind them. */
export function sendJson(
  response: ServerResponse,
  status: number,
  text: string,
  more: OutgoingHttpHeaders = {},
): void {
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
    ...more,
  });
  response.end(text);
}
