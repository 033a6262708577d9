import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const TYPE_A = 1;
const HEADER_BYTES = 12;
const TRUNCATED = 0x02;

export interface NameServer {
  /** How many questions came over each. */
  readonly asked: { udp: number; tcp: number };
  close(): void;
}

function labelsOf(question: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
    labels.push(question.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join("."), end: at + 5 };
}

/** RFC 1035: the question again, and for type A one record. */
function answer(question: Buffer, address: string, truncated: boolean): Buffer {
  const { end } = labelsOf(question);
  const isAddress = question.readUInt16BE(end - 4) === TYPE_A && !truncated;
  const header = Buffer.alloc(HEADER_BYTES);
  question.copy(header, 0, 0, 2);
  header[2] = 0x81 | (truncated ? TRUNCATED : 0);
  header[3] = 0x80;
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(isAddress ? 1 : 0, 6);
  const record = Buffer.from([
    0xc0,
    HEADER_BYTES,
    0,
    TYPE_A,
    0,
    1,
    0,
    0,
    0,
    1,
    0,
    4,
    ...address.split(".").map(Number),
  ]);
  return Buffer.concat([header, question.subarray(HEADER_BYTES, end), ...(isAddress ? [record] : [])]);
}

/** A name server on port 53 that gives every name one address; names that begin with `large` over TCP only. */
export async function startNameServer(host: string, address: string): Promise<NameServer> {
  const asked = { udp: 0, tcp: 0 };
  const datagrams = createSocket("udp4");
  datagrams.on("message", (question, { port, address: sender }) => {
    asked.udp++;
    const truncated = labelsOf(question).name.startsWith("large");
    datagrams.send(answer(question, address, truncated), port, sender);
  });
  datagrams.bind(53, host);
  await once(datagrams, "listening");
  const server = createServer((connection) => {
    connection.on("error", () => {});
    connection.on("data", (data: Buffer) => {
      for (let at = 0; at + 2 < data.length; ) {
        const question = data.subarray(at + 2, at + 2 + data.readUInt16BE(at));
        at += 2 + question.length;
        asked.tcp++;
        const reply = answer(question, address, false);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        connection.write(Buffer.concat([length, reply]));
      }
    });
  });
  server.listen(53, host);
  await once(server, "listening");
  return {
    asked,
    close() {
      datagrams.close();
      server.close();
    },
  };
}
