import { invalidParameterValue } from "./errors.ts";

/**
 * Identifiers that new functions may use, newest first; see "Lambda runtimes" in the developer guide. AWS blocks
 * python3.9 for new functions by now, Lambent keeps it for machines that have no newer Python.
 */
const CURRENT_RUNTIMES = [
  "nodejs26.x",
  "nodejs24.x",
  "nodejs22.x",
  "nodejs20.x",
  "python3.15",
  "python3.14",
  "python3.13",
  "python3.12",
  "python3.11",
  "python3.10",
  "python3.9",
  "java25",
  "java21",
  "java17.al2023",
  "java17",
  "java11.al2023",
  "java11",
  "java8.al2023",
  "java8.al2",
  "dotnet10",
  "dotnet8",
  "ruby4.0",
  "ruby3.4",
  "ruby3.3",
  "ruby3.2",
  "provided.al2023",
  "provided.al2",
] as const;

/** In AWS's enumeration, but blocked for creating and updating functions. */
const BLOCKED_RUNTIMES: ReadonlySet<string> = new Set([
  "nodejs",
  "nodejs4.3",
  "nodejs4.3-edge",
  "nodejs6.10",
  "nodejs8.10",
  "nodejs10.x",
  "nodejs12.x",
  "nodejs14.x",
  "nodejs16.x",
  "nodejs18.x",
  "python2.7",
  "python3.6",
  "python3.7",
  "python3.8",
  "java8",
  "dotnetcore1.0",
  "dotnetcore2.0",
  "dotnetcore2.1",
  "dotnetcore3.1",
  "dotnet6",
  "go1.x",
  "ruby2.5",
  "ruby2.7",
  "provided",
]);

/** Refuses identifiers that AWS does not have, or no longer takes, with AWS's texts. */
export function checkRuntimeIdentifier(identifier: string): void {
  if (BLOCKED_RUNTIMES.has(identifier)) {
    throw invalidParameterValue(
      `The runtime parameter of ${identifier} is no longer supported for creating or updating AWS Lambda functions. ` +
        "We recommend you use a supported runtime while creating or updating functions.",
    );
  }
  if (!(CURRENT_RUNTIMES as readonly string[]).includes(identifier)) {
    throw invalidParameterValue(
      `Value ${identifier} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ` +
        `[${CURRENT_RUNTIMES.join(", ")}] or be a valid ARN`,
    );
  }
}
