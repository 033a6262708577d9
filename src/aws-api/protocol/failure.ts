import { AwsError } from "../../core/errors.ts";
import type { ErrorModel, ServiceModel } from "./service-model.ts";

/** An error as a client is to see it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly status: number;
  /** Undefined for errors that no model has, such as ValidationException of Lambda. */
  readonly model: ErrorModel | undefined;
  /** Values of the model's members, message and type among them. */
  readonly members: Readonly<Record<string, unknown>>;
  /** Further members that the error was thrown with, whether its model has them or not. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Thrown by mistake: to be logged, its text not shown. */
  readonly unexpected: boolean;
}

/**
 * What a client is told about something thrown: an `AwsError` or an exception class of the SDK as it is, anything
 * else as an internal error that says nothing.
 */
export function failureOf(service: ServiceModel | undefined, thrown: unknown): Failure {
  if (thrown instanceof AwsError) return failure(service, thrown, thrown.code, thrown.members);
  if (thrown instanceof Error && service?.errors.has(thrown.name))
    return failure(service, thrown, thrown.name, Object.fromEntries(Object.entries(thrown)));
  const code = service?.errors.has("ServiceException")
    ? "ServiceException"
    : (service?.dialect.internalErrorCode ?? "InternalFailure");
  const internal = new AwsError(code, "The service encountered an internal error.", 500);
  return { ...failure(service, internal, code, {}), unexpected: true };
}

function failure(
  service: ServiceModel | undefined,
  error: Error,
  code: string,
  given: Readonly<Record<string, unknown>>,
): Failure {
  const model = service?.errors.get(code);
  const status = model?.status ?? (error instanceof AwsError ? error.status : 400);
  const members: Record<string, unknown> = {};
  if (model?.shape.kind === "structure")
    for (const { name } of model.shape.members) {
      if (name === "message" || name === "Message") members[name] = error.message;
      // AWS: Lambda's exceptions say whose fault they are; violated constraints do not.
      else if (name === "Type" && code !== "ValidationException")
        members[name] = given[name] ?? (status < 500 ? "User" : "Service");
      else if (given[name] !== undefined) members[name] = given[name];
    }
  return { code, message: error.message, status, model, members, details: given, unexpected: false };
}
