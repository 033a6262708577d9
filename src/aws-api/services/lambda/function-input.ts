import type {
  Architecture,
  CreateFunctionRequest,
  UpdateFunctionConfigurationRequest,
} from "@aws-sdk/client-lambda";
import { notSupported } from "../../../core/errors.ts";
import type { FileSystemTable } from "../../../core/file-systems.ts";
import type { SettingsInput } from "../../../functions/function-settings.ts";
import { fileSystemsInput } from "./file-system-input.ts";

type Configured = CreateFunctionRequest | UpdateFunctionConfigurationRequest;

/** Members that may be given empty, as AWS's own tools do, but not with a value. */
const REFUSED_CONFIGURATION = [
  "VpcConfig",
  "KMSKeyArn",
  "ImageConfig",
  "TenancyConfig",
  "CapacityProviderConfig",
  "DurableConfig",
  "PublishTo",
] as const;

/** Refuses, by name, members that this version does not act on; AWS's empty values pass. */
export function refuseMembers<M extends string>(
  input: { readonly [K in M]?: unknown },
  members: readonly M[],
): void {
  for (const member of members) if (!isBlank(input[member])) throw notSupported(member);
}

/** Configuration members of CreateFunction and UpdateFunctionConfiguration. */
export function settingsInput(input: Configured, fileSystems: FileSystemTable): SettingsInput {
  refuseMembers<(typeof REFUSED_CONFIGURATION)[number]>(input, REFUSED_CONFIGURATION);
  if ((input.SnapStart?.ApplyOn ?? "None") !== "None") throw notSupported("SnapStart");
  return {
    runtime: input.Runtime,
    handler: input.Handler,
    roleArn: input.Role,
    description: input.Description,
    timeoutSeconds: input.Timeout,
    memoryMb: input.MemorySize,
    ephemeralStorageMb: input.EphemeralStorage?.Size,
    // AWS: `Environment` without variables removes them all.
    layers: input.Layers,
    environmentVariables: input.Environment && (input.Environment.Variables ?? {}),
    fileSystems: fileSystemsInput(input.FileSystemConfigs, fileSystems),
    tracingMode: input.TracingConfig?.Mode,
    deadLetterTargetArn: input.DeadLetterConfig?.TargetArn,
    logging: input.LoggingConfig && {
      logFormat: input.LoggingConfig.LogFormat,
      applicationLogLevel: input.LoggingConfig.ApplicationLogLevel,
      systemLogLevel: input.LoggingConfig.SystemLogLevel,
      logGroup: input.LoggingConfig.LogGroup,
    },
  };
}

/** The one architecture of a request; the model lets through exactly one. */
export const architectureInput = (
  architectures: readonly Architecture[] | undefined,
): Architecture | undefined => architectures?.[0];

/** Nothing, or made of nothing: "", false, [], {}, { SubnetIds: [] }. */
function isBlank(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === false) return true;
  if (value instanceof Uint8Array) return false;
  return typeof value === "object" && Object.values(value).every(isBlank);
}
