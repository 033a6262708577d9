import { invalidLogsParameter } from "./log-errors.ts";

/** Packs what a following page needs into an opaque token. */
export function encodePageToken(content: unknown): string {
  return Buffer.from(JSON.stringify(content)).toString("base64url");
}

/** Reads a token made here; InvalidParameterException for anything else. */
export function decodePageToken<T>(token: string, isValid: (content: unknown) => content is T): T {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    content = undefined;
  }
  if (!isValid(content)) throw invalidLogsParameter("The specified nextToken is invalid.");
  return content;
}
