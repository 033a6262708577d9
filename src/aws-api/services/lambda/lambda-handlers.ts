import type * as lambdaModule from "@aws-sdk/client-lambda";
import type { FileSystemTable } from "../../../core/file-systems.ts";
import type { ProvisionedAllocations } from "../../../core/function-concurrency.ts";
import type { AsyncInvoker, Invoker } from "../../../core/invocation.ts";
import type { TraceHeaders } from "../../../core/trace-header.ts";
import type { EventSourceMappings } from "../../../event-source-mappings/event-source-mappings.ts";
import type { FunctionService } from "../../../functions/function-service.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { CodeObjects } from "../../../ports/code-objects.ts";
import type { EventMetrics } from "../../../ports/function-metrics.ts";
import type { RuntimeCatalogue } from "../../../ports/runtime-catalogue.ts";
import type { Handlers } from "../../protocol/handlers.ts";
import type { CodeDownloads } from "./code-download.ts";

/** What the operations of the Lambda API work with. */
export interface LambdaDependencies {
  readonly functions: FunctionService;
  readonly invoker: Invoker;
  readonly asyncInvoker: AsyncInvoker;
  readonly eventMetrics: EventMetrics;
  readonly allocations: ProvisionedAllocations;
  readonly mappings: EventSourceMappings;
  readonly runtimes: RuntimeCatalogue;
  readonly clock: Clock;
  /** Which directory of the host stands for which EFS access point. */
  readonly fileSystems: FileSystemTable;
  readonly traceHeaders: TraceHeaders;
  readonly codeDownloads: CodeDownloads;
  /** Packages that requests name in S3. */
  readonly codeObjects: CodeObjects;
  /** The absolute URL of a function URL's id, with a trailing slash. */
  readonly functionUrl: (urlId: string, region: string) => string;
}

/** What a synchronous invocation needs of them. */
export interface InvokeDependencies
  extends Pick<LambdaDependencies, "invoker" | "eventMetrics" | "clock" | "traceHeaders"> {
  readonly functions: Pick<FunctionService, "resolveForInvoke"> & {
    readonly recursion: Pick<FunctionService["recursion"], "get">;
  };
}

/** Handlers of some operations of the Lambda API. */
export type LambdaHandlers = Handlers<typeof lambdaModule>;
