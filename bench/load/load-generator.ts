/**
 * The load generator for machines without wrk: raw sockets in a process of its own, one request at a time on each.
 * As a program it takes a `Load` as JSON in its first argument and prints a `Measurement`.
 */
import { execFile } from "node:child_process";
import { connect } from "node:net";
import { promisify } from "node:util";
import type { Load, Measurement } from "./measurement.ts";

const HEAD_END = "\r\n\r\n";

function requestBytes(load: Load): Buffer {
  const url = new URL(load.url);
  const headers = { host: url.host, ...load.headers, "content-length": String(Buffer.byteLength(load.body)) };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `${load.method ?? "POST"} ${url.pathname} HTTP/1.1\r\n${lines.join("")}\r\n${load.body}`,
  );
}

/** Length of the first whole response in `text` (one character per byte), or undefined while it is incomplete. */
function responseLength(text: string): number | undefined {
  const headEnd = text.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd);
  if (!head.startsWith("HTTP/1.1 2")) throw new Error(head);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) {
    const end = text.indexOf(`0${HEAD_END}`, headEnd);
    return end < 0 ? undefined : end + 1 + HEAD_END.length;
  }
  const total = headEnd + HEAD_END.length + Number(length);
  return text.length < total ? undefined : total;
}

function repeat(load: Load, request: Buffer, untilMs: number, latenciesMs: number[]): Promise<void> {
  const { hostname, port } = new URL(load.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let received = "";
    let sentAtMs = 0;
    const send = (): void => {
      sentAtMs = performance.now();
      socket.write(request);
    };
    socket.setEncoding("latin1");
    socket.on("connect", send);
    socket.on("data", (chunk) => {
      received += chunk;
      try {
        const length = responseLength(received);
        if (length === undefined) return;
        received = received.slice(length);
      } catch (error) {
        reject(error);
        socket.destroy();
        return;
      }
      const nowMs = performance.now();
      latenciesMs.push(nowMs - sentAtMs);
      if (nowMs < untilMs) send();
      else socket.end();
    });
    socket.on("close", () => resolve());
    socket.on("error", reject);
  });
}

async function generate(load: Load): Promise<Measurement> {
  const latenciesMs: number[] = [];
  const request = requestBytes(load);
  const startedAtMs = performance.now();
  const untilMs = startedAtMs + load.seconds * 1000;
  await Promise.all(
    Array.from({ length: load.connections }, () => repeat(load, request, untilMs, latenciesMs)),
  );
  const elapsedSeconds = (performance.now() - startedAtMs) / 1000;
  const sorted = Float64Array.from(latenciesMs).sort();
  const percentile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    requestsPerSecond: sorted.length / elapsedSeconds,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
  };
}

/** Measures in a process of its own. Throws when a request failed. */
export async function measureWithNode(load: Load): Promise<Measurement> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    import.meta.filename,
    JSON.stringify(load),
  ]);
  return JSON.parse(stdout) as Measurement;
}

if (import.meta.main) console.log(JSON.stringify(await generate(JSON.parse(process.argv[2] ?? "") as Load)));
