import { checkEnvironmentVariables } from "../core/environment-variables.ts";
import { AwsError, accessDenied, invalidParameterValue } from "../core/errors.ts";
import type { FileSystemMount } from "../core/file-systems.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import type { Caller, Owner } from "../core/function-reference.ts";
import type { LoggingConfiguration } from "../core/function-version.ts";
import { checkRuntimeIdentifier } from "../core/runtime-identifiers.ts";
import type { RuntimeCatalogue } from "../ports/runtime-catalogue.ts";
import type { FunctionSettings } from "./documents.ts";
import { functionLayers } from "./function-layers.ts";
import type { LayerDirectory } from "./layer-directory.ts";

/** Settings as a caller gives them; what is left out keeps its value, or AWS's default for a new function. */
export interface SettingsInput {
  readonly runtime?: string | undefined;
  readonly handler?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly description?: string | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly memoryMb?: number | undefined;
  readonly ephemeralStorageMb?: number | undefined;
  readonly environmentVariables?: Readonly<Record<string, string>> | undefined;
  readonly fileSystems?: readonly FileSystemMount[] | undefined;
  /** ARNs of layer versions, later ones over earlier ones. */
  readonly layers?: readonly string[] | undefined;
  readonly tracingMode?: "Active" | "PassThrough" | undefined;
  readonly logging?: LoggingInput | undefined;
  /** "" has none. */
  readonly deadLetterTargetArn?: string | undefined;
}

export interface LoggingInput {
  readonly logFormat?: "Text" | "JSON" | undefined;
  readonly applicationLogLevel?: string | undefined;
  readonly systemLogLevel?: string | undefined;
  readonly logGroup?: string | undefined;
}

/** What settings are checked against. */
export interface SettingsChoices {
  readonly runtimes: RuntimeCatalogue;
  /** Whether Lambda may assume the role; asked for roles that are given. */
  readonly mayAssume: (roleArn: string) => boolean;
  readonly layers: LayerDirectory;
}

/** Settings of a new function. Throws AWS's errors. */
export function newSettings(
  owner: Caller & { readonly functionName: string },
  input: SettingsInput,
  choices: SettingsChoices,
): FunctionSettings {
  const { runtime, handler, roleArn } = input;
  if (!runtime || !handler) {
    throw invalidParameterValue(
      "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    );
  }
  if (!roleArn) throw notAssumable();
  const defaults: FunctionSettings = {
    runtime,
    handler,
    roleArn,
    description: "",
    timeoutSeconds: FUNCTION_LIMITS.timeoutSecondsDefault,
    memoryMb: FUNCTION_LIMITS.memoryMbDefault,
    ephemeralStorageMb: FUNCTION_LIMITS.ephemeralStorageMbDefault,
    tracingMode: "PassThrough",
    logging: { logFormat: "Text", logGroup: `/aws/lambda/${owner.functionName}` },
  };
  return changedSettings(owner, defaults, input, choices);
}

/** `current` with the given members replaced, each as a whole. Throws AWS's errors. */
export function changedSettings(
  owner: Caller,
  current: FunctionSettings,
  input: SettingsInput,
  choices: SettingsChoices,
): FunctionSettings {
  checkInput(owner, input, choices);
  return {
    runtime: input.runtime ?? current.runtime,
    handler: input.handler ?? current.handler,
    roleArn: input.roleArn ?? current.roleArn,
    description: input.description ?? current.description,
    timeoutSeconds: input.timeoutSeconds ?? current.timeoutSeconds,
    memoryMb: input.memoryMb ?? current.memoryMb,
    ephemeralStorageMb: input.ephemeralStorageMb ?? current.ephemeralStorageMb,
    ...changedLists(owner, current, input, choices),
    ...changedDeadLetter(current, input),
    tracingMode: input.tracingMode ?? current.tracingMode,
    logging: input.logging === undefined ? current.logging : changedLogging(current.logging, input.logging),
  };
}

/** What is left out of a function's settings until it is given. */
function changedLists(
  owner: Caller,
  current: FunctionSettings,
  input: SettingsInput,
  choices: SettingsChoices,
): Pick<FunctionSettings, "environmentVariables" | "fileSystems" | "layers"> {
  const environmentVariables = input.environmentVariables ?? current.environmentVariables;
  const fileSystems = input.fileSystems ?? current.fileSystems;
  const layers =
    input.layers === undefined ? current.layers : functionLayers(owner, input.layers, choices.layers);
  return {
    ...(environmentVariables !== undefined && { environmentVariables }),
    ...(fileSystems !== undefined && { fileSystems }),
    ...(layers !== undefined && { layers }),
  };
}

function changedDeadLetter(
  current: FunctionSettings,
  input: SettingsInput,
): Pick<FunctionSettings, "deadLetterTargetArn"> {
  const deadLetterTargetArn = input.deadLetterTargetArn ?? current.deadLetterTargetArn;
  return deadLetterTargetArn ? { deadLetterTargetArn } : {};
}

function checkInput(owner: Owner, input: SettingsInput, { runtimes, mayAssume }: SettingsChoices): void {
  if (input.runtime !== undefined) checkRuntime(input.runtime, runtimes);
  if (input.roleArn !== undefined) {
    checkRole(owner, input.roleArn);
    if (!mayAssume(input.roleArn)) throw notAssumable();
  }
  if (input.deadLetterTargetArn) checkDeadLetterTarget(input.deadLetterTargetArn);
  // The API model allows more than these, for managed instances.
  checkAtMost("timeout", input.timeoutSeconds, FUNCTION_LIMITS.timeoutSecondsMax);
  checkMemory(input.memoryMb);
  checkAtMost("ephemeralStorage.size", input.ephemeralStorageMb, FUNCTION_LIMITS.ephemeralStorageMbMax);
  if (input.environmentVariables !== undefined) checkEnvironmentVariables(input.environmentVariables);
}

function checkRuntime(runtime: string, runtimes: RuntimeCatalogue): void {
  checkRuntimeIdentifier(runtime);
  if (runtimes.find(runtime) !== undefined) return;
  throw invalidParameterValue(
    `Runtime ${runtime} is not installed on this machine. ${runtimes.missingAdvice(runtime)}`,
  );
}

const notAssumable = (): Error =>
  invalidParameterValue("The role defined for the function cannot be assumed by Lambda.");

function checkRole(owner: Owner, roleArn: string): void {
  const account = /^arn:aws[a-zA-Z-]*:iam::(\d{12}):role\/?[a-zA-Z_0-9+=,.@\-_/]+$/.exec(roleArn)?.[1];
  if (account === undefined) throw invalidParameterValue(`The role ARN ${roleArn} is not well formed.`);
  if (account !== owner.account) throw accessDenied("Cross-account pass role is not allowed.");
}

/** AWS: "an Amazon SQS queue or Amazon SNS topic", standard ones ("Dead-letter queues"). */
function checkDeadLetterTarget(arn: string): void {
  if (/^arn:aws[a-zA-Z-]*:(?:sqs|sns):[a-z0-9-]+:\d{12}:[\w-]+$/.test(arn)) return;
  throw invalidParameterValue(
    `Invalid dead letter ARN: ${arn} is not the ARN of a standard SQS queue or SNS topic.`,
  );
}

/** AWS: in the words of the API model's own limits, as published reports of refusals have them. */
function checkAtMost(path: string, value: number | undefined, max: number): void {
  if (value === undefined || value <= max) return;
  throw new AwsError(
    "ValidationException",
    `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must have value less than or equal to ${max}`,
    400,
  );
}

/** AWS: memory has an account's limit, and words of its own. */
function checkMemory(memoryMb: number | undefined): void {
  if (memoryMb === undefined || memoryMb <= FUNCTION_LIMITS.memoryMbMax) return;
  throw invalidParameterValue(
    `'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to ${FUNCTION_LIMITS.memoryMbMax}`,
  );
}

/** AWS: levels exist in JSON format only, and are both INFO unless given ("Advanced logging controls"). */
function changedLogging(current: LoggingConfiguration, input: LoggingInput): LoggingConfiguration {
  const logFormat = input.logFormat ?? current.logFormat;
  const logGroup = input.logGroup ?? current.logGroup;
  if (logFormat === "Text") {
    if (input.applicationLogLevel !== undefined || input.systemLogLevel !== undefined) {
      throw invalidParameterValue(
        "ApplicationLogLevel and SystemLogLevel can only be set when LogFormat is JSON.",
      );
    }
    return { logFormat, logGroup };
  }
  return {
    logFormat,
    applicationLogLevel: input.applicationLogLevel ?? current.applicationLogLevel ?? "INFO",
    systemLogLevel: input.systemLogLevel ?? current.systemLogLevel ?? "INFO",
    logGroup,
  };
}
