import type { Owner } from "../core/function-reference.ts";
import type { FunctionVersion } from "../core/function-version.ts";

/** Functions as mappings find them. */
export interface MappedFunctions {
  /** What an invocation runs; draws between the versions of an alias. Throws `AwsError` when there is nothing to run. */
  resolve(
    functionArn: string,
    owner: Owner,
  ): { readonly version: FunctionVersion; readonly invokedFunctionArn: string };
  /** Whether its owner has said that it may be part of a loop (`RecursiveLoop` Allow). */
  mayLoop(version: FunctionVersion): boolean;
  /** Undefined when the function, version or alias does not exist. */
  describe(owner: Owner, reference: string): MappedFunction | undefined;
}

export interface MappedFunction {
  /** With the qualifier, when the reference had one. */
  readonly functionArn: string;
  readonly functionName: string;
  readonly timeoutSeconds: number;
  readonly roleArn: string;
}
