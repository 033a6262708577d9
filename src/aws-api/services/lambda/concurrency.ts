import { NOTHING_ALLOCATED } from "../../../core/function-concurrency.ts";
import { lambdaTimestamp } from "../../../core/lambda-timestamp.ts";
import type { ProvisionedConfiguration } from "../../../functions/concurrency-settings.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { nextMarker, pageRequest } from "./paging.ts";

/** Reserved concurrency of functions, and provisioned concurrency of their versions and aliases. */
export function concurrencyHandlers(dependencies: LambdaDependencies): LambdaHandlers {
  const { concurrency } = dependencies.functions;
  const allocationOf = ({ version }: ProvisionedConfiguration) =>
    version === undefined ? NOTHING_ALLOCATED : dependencies.allocations.provisionedAllocation(version);
  return {
    PutFunctionConcurrency: async (input, context) => {
      const reserved = input.ReservedConcurrentExecutions ?? 0;
      await concurrency.reserve(context, input.FunctionName ?? "", reserved);
      return { ReservedConcurrentExecutions: reserved };
    },
    // AWS: an empty answer for a function without reserved concurrency (recorded from the service).
    GetFunctionConcurrency: (input, context) => {
      const reserved = concurrency.reserved(context, input.FunctionName ?? "");
      return reserved === undefined ? {} : { ReservedConcurrentExecutions: reserved };
    },
    DeleteFunctionConcurrency: async (input, context) => {
      await concurrency.release(context, input.FunctionName ?? "");
      return {};
    },
    PutProvisionedConcurrencyConfig: async (input, context) => {
      const configuration = await concurrency.provision(context, {
        reference: input.FunctionName ?? "",
        qualifier: input.Qualifier ?? "",
        requested: input.ProvisionedConcurrentExecutions ?? 0,
      });
      // AWS: always answered as under way, whatever is there already.
      return {
        ...provisioned(configuration, allocationOf(configuration)),
        Status: "IN_PROGRESS",
        StatusReason: undefined,
      };
    },
    GetProvisionedConcurrencyConfig: (input, context) => {
      const configuration = concurrency.provisioned(context, input.FunctionName ?? "", input.Qualifier ?? "");
      return provisioned(configuration, allocationOf(configuration));
    },
    ListProvisionedConcurrencyConfigs: (input, context) => {
      const page = concurrency.listProvisioned(context, input.FunctionName ?? "", pageRequest(input));
      return {
        ProvisionedConcurrencyConfigs: page.items.map((configuration) => ({
          FunctionArn: configuration.functionArn,
          ...provisioned(configuration, allocationOf(configuration)),
        })),
        ...nextMarker(page),
      };
    },
    DeleteProvisionedConcurrencyConfig: async (input, context) => {
      await concurrency.unprovision(context, input.FunctionName ?? "", input.Qualifier ?? "");
      return {};
    },
  };
}

function provisioned(configuration: ProvisionedConfiguration, allocation: typeof NOTHING_ALLOCATED) {
  const { requested, lastModifiedMs } = configuration;
  const available = Math.min(requested, allocation.available);
  return {
    RequestedProvisionedConcurrentExecutions: requested,
    AvailableProvisionedConcurrentExecutions: available,
    AllocatedProvisionedConcurrentExecutions: Math.min(requested, allocation.allocated),
    Status: status(available === requested, allocation.failure),
    ...(allocation.failure !== undefined && { StatusReason: allocation.failure }),
    LastModified: lambdaTimestamp(lastModifiedMs),
  };
}

function status(isComplete: boolean, failure: string | undefined): "READY" | "FAILED" | "IN_PROGRESS" {
  if (failure !== undefined) return "FAILED";
  return isComplete ? "READY" : "IN_PROGRESS";
}
