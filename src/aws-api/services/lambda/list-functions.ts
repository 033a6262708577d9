import { listedConfiguration } from "./function-configuration.ts";
import { refuseMembers } from "./function-input.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { nextMarker, pageRequest } from "./paging.ts";

/** ListFunctions. */
export function listFunctionsHandlers({ functions }: LambdaDependencies): LambdaHandlers {
  return {
    ListFunctions: (input, context) => {
      refuseMembers(input, ["MasterRegion"]);
      const allVersions = input.FunctionVersion === "ALL";
      const page = functions.directory.list(context, { ...pageRequest(input), allVersions });
      return { Functions: page.items.map(listedConfiguration), ...nextMarker(page) };
    },
  };
}
