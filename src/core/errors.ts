/** Whose fault an error is: the caller's, the function's or the platform's. */
export type Fault = "caller" | "platform";

/**
 * An error that a client sees with AWS's code, status and text. Thrown by business code; each door turns it into
 * the wire form of its protocol. Anything else that is thrown is the platform's fault and answered as such.
 */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  /** Further modelled members of the error shape, such as `Reason`. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, status = 400, members: Record<string, unknown> = {}) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
    this.members = members;
  }

  get fault(): Fault {
    return this.status < 500 ? "caller" : "platform";
  }
}

export const invalidParameterValue = (message: string): AwsError =>
  new AwsError("InvalidParameterValueException", message, 400);

export const resourceNotFound = (message: string): AwsError =>
  new AwsError("ResourceNotFoundException", message, 404);

export const resourceConflict = (message: string): AwsError =>
  new AwsError("ResourceConflictException", message, 409);

export const preconditionFailed = (message: string): AwsError =>
  new AwsError("PreconditionFailedException", message, 412);

export const accessDenied = (message: string): AwsError =>
  new AwsError("AccessDeniedException", message, 403);

export const requestEntityTooLarge = (message: string): AwsError =>
  new AwsError("RequestEntityTooLargeException", message, 413);

/** The platform cannot do this (yet): says so by name instead of ignoring it. Listed in docs/compatibility.md. */
export const notSupported = (what: string): AwsError =>
  new AwsError("InvalidParameterValueException", `${what} is not supported by this version of Lambent.`, 400);
