import { invalidParameterValue } from "./errors.ts";
import { FUNCTION_LIMITS } from "./function-limits.ts";

/** Refuses more than 50 tags with AWS's text, and keys that AWS keeps to itself ("Using tags on Lambda functions"). */
export function checkTags(tags: Readonly<Record<string, string>>): void {
  const keys = Object.keys(tags);
  // The words are those of S3: Lambda's are not documented.
  if (keys.some((key) => /^aws:/i.test(key)))
    throw invalidParameterValue("System tags cannot be added/updated by requester");
  if (keys.length > FUNCTION_LIMITS.tagsMax)
    throw invalidParameterValue("Number of tags exceeds resource tag limit.");
}
