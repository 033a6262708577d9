/** No record is named: the whole batch failed. */
export type FailedItems = ReadonlySet<string> | "all";

const NONE: ReadonlySet<string> = new Set();

/**
 * Which records a function says have failed (ReportBatchItemFailures). AWS: "Success and failure conditions": an empty
 * answer, an empty list or none is a success; what cannot be read, an identifier that is empty or missing and one that is not
 * in the batch make the whole batch fail.
 */
export function failedItems(payload: Uint8Array, identifiers: ReadonlySet<string>): FailedItems {
  if (payload.byteLength === 0) return NONE;
  const answer = parsed(payload);
  if (answer === null || answer === "") return NONE;
  if (Array.isArray(answer) && answer.length === 0) return NONE;
  if (typeof answer !== "object" || Array.isArray(answer)) return "all";
  const items = (answer as { readonly batchItemFailures?: unknown }).batchItemFailures;
  if (items === undefined || items === null) return NONE;
  if (!Array.isArray(items)) return "all";
  const failed = new Set<string>();
  for (const item of items as readonly unknown[]) {
    const identifier = (item as { readonly itemIdentifier?: unknown } | null)?.itemIdentifier;
    if (typeof identifier !== "string" || !identifiers.has(identifier)) return "all";
    failed.add(identifier);
  }
  return failed;
}

/** Undefined: it is no JSON. */
function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString());
  } catch {
    return undefined;
  }
}
