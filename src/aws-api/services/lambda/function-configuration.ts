import type {
  ApplicationLogLevel,
  FunctionConfiguration,
  LastUpdateStatusReasonCode,
  LoggingConfig,
  Runtime,
  StateReasonCode,
  SystemLogLevel,
} from "@aws-sdk/client-lambda";
import { lambdaTimestamp } from "../../../core/lambda-timestamp.ts";
import type { FunctionSettings } from "../../../functions/documents.ts";
import type { FunctionDescription } from "../../../functions/function-description.ts";
import type { RuntimeCatalogue } from "../../../ports/runtime-catalogue.ts";

/** A function as ListFunctions shows it: without states and the runtime's version. */
export function listedConfiguration(description: FunctionDescription): FunctionConfiguration {
  const { settings, code, architecture } = description.deployment;
  return {
    FunctionName: description.functionName,
    FunctionArn: description.functionArn,
    Runtime: settings.runtime as Runtime,
    Role: settings.roleArn,
    Handler: settings.handler,
    CodeSize: code.sizeBytes,
    Description: settings.description,
    Timeout: settings.timeoutSeconds,
    MemorySize: settings.memoryMb,
    LastModified: lambdaTimestamp(description.lastModifiedMs),
    CodeSha256: code.codeSha256,
    Version: description.version,
    ...(settings.environmentVariables !== undefined && {
      Environment: { Variables: { ...settings.environmentVariables } },
    }),
    ...(settings.fileSystems !== undefined &&
      settings.fileSystems.length > 0 && {
        FileSystemConfigs: settings.fileSystems.map(({ arn, localMountPath }) => ({
          Arn: arn,
          LocalMountPath: localMountPath,
        })),
      }),
    ...(settings.deadLetterTargetArn !== undefined && {
      DeadLetterConfig: { TargetArn: settings.deadLetterTargetArn },
    }),
    TracingConfig: { Mode: settings.tracingMode },
    ...(settings.layers !== undefined &&
      settings.layers.length > 0 && {
        Layers: settings.layers.map(({ arn, code: layer }) => ({ Arn: arn, CodeSize: layer.sizeBytes })),
      }),
    RevisionId: description.revisionId,
    PackageType: "Zip",
    Architectures: [architecture],
    EphemeralStorage: { Size: settings.ephemeralStorageMb },
    SnapStart: { ApplyOn: "None", OptimizationStatus: "Off" },
    LoggingConfig: loggingConfig(settings),
  };
}

/** A function as GetFunctionConfiguration shows it. */
export function fullConfiguration(
  description: FunctionDescription,
  runtimes: RuntimeCatalogue,
): FunctionConfiguration {
  const { state, lastUpdate, deployment } = description;
  const runtime = runtimes.find(deployment.settings.runtime, description.runtimePin);
  return {
    ...listedConfiguration(description),
    State: state.state,
    ...(state.reason !== undefined && { StateReason: state.reason }),
    ...(state.reasonCode !== undefined && { StateReasonCode: state.reasonCode as StateReasonCode }),
    ...(lastUpdate !== undefined && { LastUpdateStatus: lastUpdate.status }),
    ...(lastUpdate?.reason !== undefined && { LastUpdateStatusReason: lastUpdate.reason }),
    ...(lastUpdate?.reasonCode !== undefined && {
      LastUpdateStatusReasonCode: lastUpdate.reasonCode as LastUpdateStatusReasonCode,
    }),
    ...(runtime !== undefined && {
      RuntimeVersionConfig: {
        RuntimeVersionArn: runtimeVersionArn(description.region, runtime.versionHash),
        ...(runtime.isOlder === true && {
          Error: {
            ErrorCode: "OlderRuntime",
            Message: `${runtime.identifier} is served by version ${runtime.version}: this machine has no newer one.`,
          },
        }),
      },
    }),
  };
}

/** AWS's name for a version of a runtime. */
export const runtimeVersionArn = (region: string, versionHash: string): string =>
  `arn:aws:lambda:${region}::runtime:${versionHash}`;

function loggingConfig({ logging }: FunctionSettings): LoggingConfig {
  const { applicationLogLevel, systemLogLevel } = logging;
  return {
    LogFormat: logging.logFormat,
    ...(applicationLogLevel !== undefined && {
      ApplicationLogLevel: applicationLogLevel as ApplicationLogLevel,
    }),
    ...(systemLogLevel !== undefined && { SystemLogLevel: systemLogLevel as SystemLogLevel }),
    LogGroup: logging.logGroup,
  };
}
