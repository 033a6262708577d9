import { AwsError } from "../../../core/errors.ts";

const ENTRIES_MAX = 10;

/** An entry of a batch that failed, as SQS tells it. */
export interface FailedEntry {
  readonly Id: string;
  readonly SenderFault: boolean;
  readonly Code: string;
  readonly Message: string;
}

/**
 * Does something for each entry, whatever becomes of the others. Throws SQS's errors for what is no batch: empty, with
 * more than ten entries, or with ids that are missing, malformed or not distinct.
 */
export async function forEachEntry<Entry extends { Id: string | undefined }, Done>(
  operation: string,
  entries: readonly Entry[] | undefined,
  act: (entry: Entry) => Promise<Done> | Done,
): Promise<{ Successful: (Done & { Id: string })[]; Failed: FailedEntry[] }> {
  const ids = checkedIds(operation, entries ?? []);
  const Successful: (Done & { Id: string })[] = [];
  const Failed: FailedEntry[] = [];
  const attempts = (entries ?? []).map(async (entry) => act(entry));
  for (const [index, attempt] of (await Promise.allSettled(attempts)).entries()) {
    const Id = ids[index] ?? "";
    if (attempt.status === "fulfilled") Successful.push({ ...attempt.value, Id });
    else Failed.push(failedEntry(Id, attempt.reason));
  }
  return { Successful, Failed };
}

function checkedIds(operation: string, entries: readonly { Id: string | undefined }[]): string[] {
  if (entries.length === 0)
    throw new AwsError(
      "EmptyBatchRequest",
      `There should be at least one ${operation}RequestEntry in the request.`,
      400,
    );
  if (entries.length > ENTRIES_MAX)
    throw new AwsError(
      "TooManyEntriesInBatchRequest",
      `Maximum number of entries per request are ${ENTRIES_MAX}. You have sent ${entries.length}.`,
      400,
    );
  const ids = entries.map(({ Id = "" }) => Id);
  if (!ids.every((id) => /^[\w-]{1,80}$/.test(id)))
    throw new AwsError(
      "InvalidBatchEntryId",
      "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
      400,
    );
  const repeated = ids.find((id, index) => ids.indexOf(id) < index);
  if (repeated !== undefined) throw new AwsError("BatchEntryIdsNotDistinct", `Id ${repeated} repeated.`, 400);
  return ids;
}

function failedEntry(Id: string, reason: unknown): FailedEntry {
  if (reason instanceof AwsError)
    return { Id, SenderFault: reason.fault === "caller", Code: reason.code, Message: reason.message };
  return {
    Id,
    SenderFault: false,
    Code: "InternalError",
    Message: "The service encountered an internal error.",
  };
}
