import { fullConfiguration, listedConfiguration } from "./function-configuration.ts";
import { refuseMembers } from "./function-input.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { nextMarker, pageRequest } from "./paging.ts";

/** PublishVersion and ListVersionsByFunction. */
export function versionHandlers({ functions, runtimes }: LambdaDependencies): LambdaHandlers {
  return {
    PublishVersion: async (input, context) => {
      refuseMembers(input, ["PublishTo"]);
      const published = await functions.lifecycle.publishVersion(context, {
        functionReference: input.FunctionName ?? "",
        codeSha256: input.CodeSha256,
        // AWS: an empty description is none, and the function's own is taken.
        description: input.Description || undefined,
        revisionId: input.RevisionId,
      });
      return fullConfiguration(published, runtimes);
    },
    ListVersionsByFunction: (input, context) => {
      const page = functions.directory.listVersions(context, input.FunctionName ?? "", pageRequest(input));
      return { Versions: page.items.map(listedConfiguration), ...nextMarker(page) };
    },
  };
}
