import { Conflict, LeaseLost, NotFound, TooLarge, Unavailable } from "../../ports/store.ts";

const FAILURES: Readonly<Record<string, new (message: string, options?: ErrorOptions) => Error>> = {
  Conflict,
  LeaseLost,
  NotFound,
  TooLarge,
  Unavailable,
};

/** The store port's name of an error: everything that is not a definite failure is `Unavailable`. */
export function failureName(error: unknown): string {
  return error instanceof Error && Object.hasOwn(FAILURES, error.name) ? error.name : "Unavailable";
}

/** The error object for a failure that was reported by the writer thread, which can only send its name. */
export function failureFrom(name: string, message: string): Error {
  return new (FAILURES[name] ?? Unavailable)(message);
}

/** Wraps what SQLite or the file system threw. */
export function unavailable(what: string, cause: unknown): Unavailable {
  return new Unavailable(`${what}: ${messageOf(cause)}`, { cause });
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error ? String(error.code) : undefined;
