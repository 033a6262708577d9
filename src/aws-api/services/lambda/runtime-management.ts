import type { RuntimeManagementDescription } from "../../../functions/runtime-management.ts";
import { runtimeVersionArn } from "./function-configuration.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** PutRuntimeManagementConfig and GetRuntimeManagementConfig. */
export function runtimeManagementHandlers({ functions }: LambdaDependencies): LambdaHandlers {
  const { runtimeManagement } = functions;
  return {
    PutRuntimeManagementConfig: async (input, context) => {
      const changed = await runtimeManagement.put(context, {
        functionReference: input.FunctionName ?? "",
        qualifier: input.Qualifier,
        updateRuntimeOn: input.UpdateRuntimeOn ?? "Auto",
        runtimeVersionArn: input.RuntimeVersionArn,
      });
      return answer(changed, context.region);
    },
    GetRuntimeManagementConfig: (input, context) =>
      answer(runtimeManagement.get(context, input.FunctionName ?? "", input.Qualifier), context.region),
  };
}

function answer(description: RuntimeManagementDescription, region: string) {
  const { functionArn, updateRuntimeOn, versionHash } = description;
  return {
    FunctionArn: functionArn,
    UpdateRuntimeOn: updateRuntimeOn,
    ...(versionHash !== undefined && { RuntimeVersionArn: runtimeVersionArn(region, versionHash) }),
  };
}
