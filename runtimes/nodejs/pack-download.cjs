"use strict";

const { connect } = process.getBuiltinModule("node:net");

const OK = "HTTP/1.1 200 ";
const LENGTH = /^content-length:/i;
const LENGTH_AT = "content-length:".length;
const HEAD_END = "\r\n\r\n";
/** More than an answer's head has; what is read with it is copied. */
const FIRST_READ_BYTES = 1024;

/**
 * Resolves with the body of the answer to a GET, over a connection of its own, or undefined where the answer has none. What
 * arrives is read to where it stays: each page of memory that is used for the first time costs more than what is in it.
 */
function download(address, path) {
  const colon = address.lastIndexOf(":");
  const head = Buffer.allocUnsafe(FIRST_READ_BYTES);
  let headBytes = 0;
  let body;
  let bodyBytes = 0;
  return new Promise((resolve, reject) => {
    const startBody = () => {
      const end = head.indexOf(HEAD_END);
      if (end < 0 || end >= headBytes) return;
      const [status, ...fields] = head.latin1Slice(0, end).split("\r\n");
      const length = status.startsWith(OK) && fields.find((field) => LENGTH.test(field))?.slice(LENGTH_AT);
      // By itself: it is kept as long as the pack is used, and no longer.
      body = Buffer.allocUnsafeSlow(Number(length || 0));
      bodyBytes = head.copy(body, 0, end + HEAD_END.length, headBytes);
    };
    const take = (count) => {
      if (body !== undefined) bodyBytes += count;
      else {
        headBytes += count;
        startBody();
      }
      if (body === undefined ? headBytes === FIRST_READ_BYTES : bodyBytes >= body.length) {
        resolve(body?.length > 0 ? body : undefined);
        socket.destroy();
      }
      return true;
    };
    const onread = {
      buffer: () => {
        if (body === undefined) return head.subarray(headBytes);
        // Nothing comes after it.
        return bodyBytes < body.length ? body.subarray(bodyBytes) : head;
      },
      callback: take,
    };
    const socket = connect({
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      onread,
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("The Runtime API closed the connection.")));
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${address}\r\n\r\n`);
  });
}

module.exports = { download };
