import type { FileSystemMount } from "./file-systems.ts";

/** AWS's states of a function version; see "Lambda function states" in the developer guide. */
export type FunctionState = "Pending" | "Active" | "Inactive" | "Failed";
export type UpdateStatus = "Successful" | "InProgress" | "Failed";

export interface LoggingConfiguration {
  readonly logFormat: "Text" | "JSON";
  readonly applicationLogLevel?: string;
  readonly systemLogLevel?: string;
  readonly logGroup: string;
}

/** A version of its runtime that a function stays with; see `RuntimeCatalogue.find`. */
export interface RuntimePin {
  readonly versionHash: string;
  /** Nothing else will do. */
  readonly required: boolean;
}

/** Code and configuration of one function version, as it is run; never changed in place. */
export interface FunctionVersion {
  readonly account: string;
  readonly region: string;
  readonly functionName: string;
  /** "$LATEST" or a number. */
  readonly version: string;
  /** Changes with every change of code or configuration: environments of another deployment are drained. */
  readonly deploymentId: string;
  readonly runtime: string;
  readonly handler: string;
  readonly roleArn: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly ephemeralStorageMb: number;
  readonly fileSystems?: readonly FileSystemMount[] | undefined;
  readonly environmentVariables: Readonly<Record<string, string>>;
  /** SHA-256 of the zip in hexadecimal: the name of the unpacked code in the code store. */
  readonly codeHash: string;
  /** Names of the layers' packages in the code store, in their order; absent without any. */
  readonly layers?: readonly string[];
  /** Size of the unpacked code, without layers. */
  readonly unzippedBytes: number;
  readonly logging: LoggingConfiguration;
  readonly state: FunctionState;
  readonly tracingMode: "Active" | "PassThrough";
  /** Where events go that could not be processed; a queue or a topic. */
  readonly deadLetterTargetArn?: string | undefined;
  /** Absent where the function runs on the newest version of its runtime. */
  readonly runtimePin?: RuntimePin;
}
