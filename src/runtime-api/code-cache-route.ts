import type { IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";
import type { CodeCacheAccess } from "../environments/code-cache-packs.ts";
import { readBody } from "./request-body.ts";
import type { UnfinishedBodies } from "./unfinished-bodies.ts";

const PATH = "/lambent/code-cache";
/** Where an environment sends its pack whose function loads what can be loaded beforehand. */
const PRELOADS_PATH = `${PATH}?preloads`;
/** The largest pack that is taken. */
const MAX_PACK_BYTES = 32 * 1024 * 1024;

const accesses = new WeakMap<Socket, CodeCacheAccess>();

/** What comes in on the listener is of an environment that may use, or make, this pack. */
export function attachCodeCache(listener: Server, access: CodeCacheAccess): void {
  listener.prependListener("connection", (socket: Socket) => void accesses.set(socket, access));
}

/** Serves what Lambent's own runtime client asks for beside the Runtime API; false when it is something else. */
export function serveCodeCache(
  bodies: UnfinishedBodies,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  if (request.url !== PATH && request.url !== PRELOADS_PATH) return false;
  const access = accesses.get(request.socket);
  if (access === undefined || (request.method !== "GET" && request.method !== "POST")) {
    request.resume();
    response.writeHead(404, { "Content-Length": 0 }).end();
  } else if (request.method === "GET") {
    void send(access, response);
  } else {
    void take({ access, bodies }, request, response);
  }
  return true;
}

async function send(access: CodeCacheAccess, response: ServerResponse): Promise<void> {
  const pack = await access.read();
  const status = pack === undefined ? 404 : 200;
  response.writeHead(status, { "Content-Length": pack?.byteLength ?? 0 }).end(pack);
}

async function take(
  { access, bodies }: { readonly access: CodeCacheAccess; readonly bodies: UnfinishedBodies },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request, MAX_PACK_BYTES, bodies);
  if (body === "aborted") return;
  // Storing is not waited for: the environment is not to be kept from its next event, and a failure costs only time.
  const code = body === "too large" ? new Uint8Array() : body;
  access.store({ code, preloads: request.url === PRELOADS_PATH }).catch(() => {});
  response.writeHead(202, { "Content-Length": 0 }).end();
}
