import { preconditionFailed } from "./errors.ts";

/** 412 unless the caller named no revision id, or the current one. */
export function checkRevision(current: string, given: string | undefined): void {
  if (given === undefined || given === current) return;
  throw preconditionFailed(
    "The Revision Id provided does not match the latest Revision Id. " +
      "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
  );
}
