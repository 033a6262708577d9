import { AwsError, invalidParameterValue } from "./errors.ts";

/** The second version of an alias and its share of the invocations, 0.0 to 1.0. */
export interface AliasRouting {
  readonly version: string;
  readonly weight: number;
}

/**
 * Checks RoutingConfig.AdditionalVersionWeights for an alias that points to `functionVersion`; an empty map means no
 * routing. Throws AWS's errors (texts as recorded from the service).
 */
export function parseAliasRouting(
  functionVersion: string,
  weights: Readonly<Record<string, number>> | undefined,
): AliasRouting | undefined {
  const entries = Object.entries(weights ?? {});
  const [entry] = entries;
  if (entry === undefined) return undefined;
  if (entries.length > 1) {
    throw invalidParameterValue("Number of items in AdditionalVersionWeights cannot be greater than 1");
  }
  const [version, weight] = entry;
  if (!(weight >= 0 && weight <= 1)) {
    throw weightsInvalid(
      entry,
      "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, " +
        "Member must have value greater than or equal to 0.0, Member must not be null]",
    );
  }
  if (version === functionVersion) {
    throw invalidParameterValue(
      `Invalid function version ${version}. Function version ${version} is already included in routing configuration.`,
    );
  }
  if (functionVersion === "$LATEST") {
    throw invalidParameterValue("$LATEST is not supported for an alias pointing to more than 1 version");
  }
  if (!/^[0-9]+$/.test(version)) {
    throw weightsInvalid(
      entry,
      "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length " +
        "greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]",
    );
  }
  return { version, weight };
}

/** True when an invocation goes to the additional version; `random` is uniform in [0, 1). */
export const choosesAdditionalVersion = (routing: AliasRouting, random: number): boolean =>
  random < routing.weight;

function weightsInvalid([version, weight]: [string, number], constraint: string): AwsError {
  return new AwsError(
    "ValidationException",
    `1 validation error detected: Value '{${version}=${weight}}' at 'routingConfig.additionalVersionWeights' ` +
      `failed to satisfy constraint: ${constraint}`,
    400,
  );
}
