import type { AliasConfiguration, AliasRoutingConfiguration } from "@aws-sdk/client-lambda";
import { functionArn } from "../../../core/arn.ts";
import type { AliasDocument } from "../../../functions/documents.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { nextMarker, pageRequest } from "./paging.ts";

/** CreateAlias, GetAlias, UpdateAlias, DeleteAlias and ListAliases. */
export function aliasHandlers({ functions: { aliases } }: LambdaDependencies): LambdaHandlers {
  return {
    CreateAlias: async (input, context) =>
      aliasConfiguration(
        await aliases.create(context, input.FunctionName ?? "", input.Name ?? "", {
          functionVersion: input.FunctionVersion ?? "",
          description: input.Description,
          additionalVersionWeights: weights(input.RoutingConfig),
        }),
      ),
    GetAlias: ({ FunctionName = "", Name = "" }, context) =>
      aliasConfiguration(aliases.get(context, FunctionName, Name)),
    UpdateAlias: async (input, context) =>
      aliasConfiguration(
        await aliases.update(context, input.FunctionName ?? "", input.Name ?? "", {
          functionVersion: input.FunctionVersion,
          description: input.Description,
          additionalVersionWeights: weights(input.RoutingConfig),
          revisionId: input.RevisionId,
        }),
      ),
    DeleteAlias: async ({ FunctionName = "", Name = "" }, context) => {
      await aliases.delete(context, FunctionName, Name);
      return {};
    },
    ListAliases: (input, context) => {
      const page = aliases.list(context, input.FunctionName ?? "", {
        ...pageRequest(input),
        functionVersion: input.FunctionVersion,
      });
      return { Aliases: page.items.map(aliasConfiguration), ...nextMarker(page) };
    },
  };
}

/** AWS: `RoutingConfig` without weights clears the routing. */
const weights = (routing: AliasRoutingConfiguration | undefined): Record<string, number> | undefined =>
  routing && (routing.AdditionalVersionWeights ?? {});

/** AWS: RoutingConfig is left out when there is none (recorded from the service). */
function aliasConfiguration(alias: AliasDocument): AliasConfiguration {
  return {
    AliasArn: functionArn(alias, alias.aliasName),
    Name: alias.aliasName,
    FunctionVersion: alias.functionVersion,
    Description: alias.description,
    ...(alias.routing !== undefined && {
      RoutingConfig: { AdditionalVersionWeights: { [alias.routing.version]: alias.routing.weight } },
    }),
    RevisionId: alias.revisionId,
  };
}
