import { OperatorError } from "../core/operator-error.ts";

interface Refusal {
  readonly message: string;
  readonly advice: string;
  readonly exitCode: number;
}

function systemRefusal(error: NodeJS.ErrnoException): Refusal | undefined {
  switch (error.code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return {
        message: error.message,
        advice: "Start as a user who may do this, or choose another place with --data-dir.",
        exitCode: 1,
      };
    case "ENOSPC":
      return {
        message: error.message,
        advice: "Free space, or choose another place with --data-dir.",
        exitCode: 1,
      };
    default:
      return undefined;
  }
}

function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof OperatorError) return error;
  return error instanceof Error ? systemRefusal(error) : undefined;
}

/**
 * Prints what is wrong and what to do next. Only a fault of Lambent's own gets a stack trace. Returns the exit code.
 */
export function reportFailure(error: unknown): number {
  const refusal = refusalOf(error);
  if (refusal === undefined) {
    const details = error instanceof Error ? error.stack : String(error);
    console.error(`lambent: a fault of Lambent itself, please report it:\n${details}`);
    return 1;
  }
  console.error(`lambent: ${refusal.message}\n${refusal.advice}`);
  return refusal.exitCode;
}
