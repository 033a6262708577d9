import type {
  Architecture,
  GetLayerVersionResponse,
  LayerVersionsListItem,
  Runtime,
} from "@aws-sdk/client-lambda";
import { invalidParameterValue } from "../../../core/errors.ts";
import { lambdaTimestamp } from "../../../core/lambda-timestamp.ts";
import { layerArn } from "../../../core/layer-arn.ts";
import type { LayerVersionDocument } from "../../../functions/layer-documents.ts";
import { refuseMembers } from "./function-input.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { nextMarker, pageRequest } from "./paging.ts";

const REFUSED_CONTENT = ["S3Bucket", "S3Key", "S3ObjectVersion", "S3ObjectStorageMode"] as const;

/** Layers and their versions. */
export function layerHandlers({ functions, codeDownloads }: LambdaDependencies): LambdaHandlers {
  const { layers } = functions;
  const detail = (version: LayerVersionDocument): GetLayerVersionResponse => ({
    Content: {
      Location: codeDownloads.location(version.code.codeHash),
      CodeSha256: version.code.codeSha256,
      CodeSize: version.code.sizeBytes,
    },
    LayerArn: layerArn(version),
    ...listItem(version),
  });
  return {
    PublishLayerVersion: async (input, context) => {
      const content = input.Content ?? {};
      refuseMembers<(typeof REFUSED_CONTENT)[number]>(content, REFUSED_CONTENT);
      if (content.ZipFile === undefined)
        throw invalidParameterValue("Please provide a source for layer code.");
      const published = await layers.publish(context, {
        reference: input.LayerName ?? "",
        zip: content.ZipFile,
        description: input.Description,
        licenseInfo: input.LicenseInfo,
        compatibleRuntimes: input.CompatibleRuntimes ?? [],
        compatibleArchitectures: input.CompatibleArchitectures ?? [],
      });
      return detail(published);
    },
    GetLayerVersion: ({ LayerName = "", VersionNumber = 0 }, context) =>
      detail(layers.get(context, LayerName, VersionNumber)),
    GetLayerVersionByArn: ({ Arn = "" }, context) => detail(layers.getByArn(context, Arn)),
    DeleteLayerVersion: async ({ LayerName = "", VersionNumber = 0 }, context) => {
      await layers.remove(context, LayerName, VersionNumber);
      return {};
    },
    ListLayers: (input, context) => {
      const page = layers.list(context, filterOf(input), pageRequest(input));
      return {
        Layers: page.items.map((version) => ({
          LayerName: version.layerName,
          LayerArn: layerArn(version),
          LatestMatchingVersion: listItem(version),
        })),
        ...nextMarker(page),
      };
    },
    ListLayerVersions: (input, context) => {
      const page = layers.listVersions(context, input.LayerName ?? "", filterOf(input), pageRequest(input));
      return { LayerVersions: page.items.map(listItem), ...nextMarker(page) };
    },
    ...permissionHandlers(functions),
  };
}

function permissionHandlers({ layerPermissions }: LambdaDependencies["functions"]): LambdaHandlers {
  return {
    AddLayerVersionPermission: async (input, context) => {
      const { statement, revisionId } = await layerPermissions.add(context, {
        reference: input.LayerName ?? "",
        version: input.VersionNumber ?? 0,
        statementId: input.StatementId ?? "",
        action: input.Action ?? "",
        principal: input.Principal ?? "",
        organizationId: input.OrganizationId,
        revisionId: input.RevisionId,
      });
      return { Statement: statement, RevisionId: revisionId };
    },
    RemoveLayerVersionPermission: async (input, context) => {
      await layerPermissions.remove(context, {
        reference: input.LayerName ?? "",
        version: input.VersionNumber ?? 0,
        statementId: input.StatementId ?? "",
        revisionId: input.RevisionId,
      });
      return {};
    },
    GetLayerVersionPolicy: ({ LayerName = "", VersionNumber = 0 }, context) => {
      const { policy, revisionId } = layerPermissions.policy(context, LayerName, VersionNumber);
      return { Policy: policy, RevisionId: revisionId };
    },
  };
}

const filterOf = (input: {
  readonly CompatibleRuntime?: string | undefined;
  readonly CompatibleArchitecture?: string | undefined;
}) => ({ runtime: input.CompatibleRuntime, architecture: input.CompatibleArchitecture });

/** AWS: members that were not given are left out, but for the description. */
function listItem(version: LayerVersionDocument): LayerVersionsListItem {
  const { compatibleRuntimes, compatibleArchitectures, licenseInfo } = version;
  return {
    LayerVersionArn: layerArn(version, version.version),
    Version: version.version,
    Description: version.description,
    CreatedDate: lambdaTimestamp(version.createdMs),
    ...(compatibleRuntimes.length > 0 && { CompatibleRuntimes: [...compatibleRuntimes] as Runtime[] }),
    ...(licenseInfo !== undefined && { LicenseInfo: licenseInfo }),
    ...(compatibleArchitectures.length > 0 && {
      CompatibleArchitectures: [...compatibleArchitectures] as Architecture[],
    }),
  };
}
