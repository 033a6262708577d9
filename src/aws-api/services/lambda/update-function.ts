import { invalidParameterValue } from "../../../core/errors.ts";
import { zipSource } from "./code-input.ts";
import { fullConfiguration } from "./function-configuration.ts";
import { architectureInput, refuseMembers, settingsInput } from "./function-input.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** UpdateFunctionCode and UpdateFunctionConfiguration. */
export function updateFunctionHandlers({
  functions,
  runtimes,
  fileSystems,
  codeObjects,
}: LambdaDependencies): LambdaHandlers {
  return {
    UpdateFunctionCode: async (input, context) => {
      refuseMembers(input, ["PublishTo"]);
      if (input.ImageUri) {
        throw invalidParameterValue(
          "Please don't provide ImageUri when updating a function with packageType Zip.",
        );
      }
      const updated = await functions.lifecycle.updateCode(context, {
        functionReference: input.FunctionName ?? "",
        zip: await zipSource(input, codeObjects),
        architecture: architectureInput(input.Architectures),
        publish: input.Publish === true,
        dryRun: input.DryRun === true,
        revisionId: input.RevisionId,
      });
      return fullConfiguration(updated, runtimes);
    },
    UpdateFunctionConfiguration: async (input, context) => {
      if (input.Runtime !== undefined) await runtimes.lookFor?.(input.Runtime);
      const updated = await functions.lifecycle.updateConfiguration(context, {
        functionReference: input.FunctionName ?? "",
        settings: settingsInput(input, fileSystems),
        revisionId: input.RevisionId,
      });
      return fullConfiguration(updated, runtimes);
    },
  };
}
