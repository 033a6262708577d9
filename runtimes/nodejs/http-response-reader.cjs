"use strict";

const HEADER_END = Buffer.from("\r\n\r\n");

/**
 * Reads HTTP/1.1 responses off one connection, one at a time. Bodies are delimited by Content-Length or chunked;
 * the Runtime API uses nothing else.
 */
class HttpResponseReader {
  #buffered;
  #response;
  #bodyParts = [];
  #bytesMissing = 0;

  /** Takes what has arrived; returns { status, headers, body } once a response is complete, else undefined. */
  push(chunk) {
    if (this.#response === undefined) {
      const data = this.#buffered === undefined ? chunk : Buffer.concat([this.#buffered, chunk]);
      const headEnd = data.indexOf(HEADER_END);
      if (headEnd < 0) {
        this.#buffered = data;
        return undefined;
      }
      this.#buffered = undefined;
      this.#startResponse(data.latin1Slice(0, headEnd));
      return this.#pushBody(data.subarray(headEnd + HEADER_END.length));
    }
    return this.#pushBody(chunk);
  }

  /** True when part of a response has arrived. */
  get isMidResponse() {
    return this.#response !== undefined || this.#buffered !== undefined;
  }

  /** The body of a successful response of which only the last byte is missing, else undefined. */
  get allButLastByte() {
    if (this.#response?.status !== 200 || this.#bytesMissing !== 1) return undefined;
    return Buffer.concat(this.#bodyParts);
  }

  #startResponse(head) {
    const lines = head.split("\r\n");
    const headers = {};
    for (let i = 1; i < lines.length; i++) {
      const line = lines[i];
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    this.#response = { status: Number(lines[0].slice(9, 12)), headers, body: undefined };
    this.#bytesMissing = Number(headers["content-length"] ?? 0);
  }

  #pushBody(chunk) {
    if (this.#response.headers["transfer-encoding"] === "chunked") return this.#pushChunked(chunk);
    this.#bytesMissing -= chunk.length;
    if (chunk.length > 0) this.#bodyParts.push(chunk);
    return this.#bytesMissing > 0 ? undefined : this.#finish();
  }

  #pushChunked(chunk) {
    let data = this.#buffered === undefined ? chunk : Buffer.concat([this.#buffered, chunk]);
    this.#buffered = undefined;
    while (data.length > 0) {
      if (this.#bytesMissing > 0) {
        const part = data.subarray(0, this.#bytesMissing);
        this.#bodyParts.push(part);
        this.#bytesMissing -= part.length;
        data = data.subarray(part.length);
        continue;
      }
      const lineEnd = data.indexOf("\r\n");
      if (lineEnd < 0) break;
      const line = data.latin1Slice(0, lineEnd);
      // The empty line is the one that ends a chunk's data.
      const size = line === "" ? undefined : Number.parseInt(line, 16);
      if (size === 0) {
        if (data.length < lineEnd + 4) break;
        return this.#finish();
      }
      if (size !== undefined) this.#bytesMissing = size;
      data = data.subarray(lineEnd + 2);
    }
    if (data.length > 0) this.#buffered = data;
    return undefined;
  }

  #finish() {
    const response = this.#response;
    response.body = this.#bodyParts.length === 1 ? this.#bodyParts[0] : Buffer.concat(this.#bodyParts);
    this.#response = undefined;
    this.#buffered = undefined;
    this.#bodyParts = [];
    this.#bytesMissing = 0;
    return response;
  }
}

module.exports = { HttpResponseReader };
