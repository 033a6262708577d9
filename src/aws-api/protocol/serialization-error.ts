import { AwsError } from "../../core/errors.ts";

/** The request could not be read: malformed body, wrong type, bad encoding. */
export function serializationError(message: string): AwsError {
  return new AwsError("SerializationException", message, 400);
}
