import { notSupported } from "../../../core/errors.ts";
import { zipSource } from "./code-input.ts";
import { fullConfiguration } from "./function-configuration.ts";
import { architectureInput, settingsInput } from "./function-input.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** CreateFunction. */
export function createFunctionHandlers({
  functions,
  runtimes,
  fileSystems,
  codeObjects,
}: LambdaDependencies): LambdaHandlers {
  return {
    CreateFunction: async (input, context) => {
      if (input.PackageType === "Image") throw notSupported("PackageType Image");
      if (input.Runtime !== undefined) await runtimes.lookFor?.(input.Runtime);
      const created = await functions.lifecycle.create(context, {
        functionReference: input.FunctionName ?? "",
        settings: settingsInput(input, fileSystems),
        zip: await zipSource(input.Code ?? {}, codeObjects),
        architecture: architectureInput(input.Architectures),
        tags: input.Tags,
        publish: input.Publish === true,
        codeSigningConfigArn: input.CodeSigningConfigArn || undefined,
      });
      return fullConfiguration(created, runtimes);
    },
  };
}
