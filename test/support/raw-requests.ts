import { createServer } from "node:http";
import { duplexPair } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";

/** Lines of headers, some of them as no client sends them, under names that decide much and little. */
export const headerLines = (...names: readonly string[]): fc.Arbitrary<string[]> => {
  const value = fc.constantFrom(
    "",
    "1",
    " 1",
    "1 ",
    "3",
    "03",
    "0",
    "keep-alive",
    "close",
    "chunked",
    "a, b",
    "\t2",
    "a \t b",
  );
  const separator = fc.constantFrom(": ", ":", ":  ", " :");
  const header = fc
    .tuple(fc.constantFrom(...names), separator, value)
    .map((parts) => `${parts.join("")}\r\n`);
  return fc.array(header, { maxLength: 4 });
};

export interface ReadRequest {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly version: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** The connection goes on. */
  readonly isKept: boolean;
}

/** What Node's HTTP server reads. Without a socket: from a pair of streams. */
export function asNodeReads(text: string): Promise<ReadRequest | "refused"> {
  const { promise, resolve } = Promise.withResolvers<ReadRequest | "refused">();
  const server = createServer((request, response) => {
    const { method, url, httpVersion: version, headers } = request;
    void buffer(request).then((body) =>
      resolve({ method, url, version, headers, body: body.toString(), isKept: response.shouldKeepAlive }),
    );
  });
  server.on("clientError", () => resolve("refused"));
  const [client, served] = duplexPair();
  server.emit("connection", served);
  client.write(text, "latin1");
  return promise;
}
