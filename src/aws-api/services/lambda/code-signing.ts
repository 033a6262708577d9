import type { CodeSigningConfig } from "@aws-sdk/client-lambda";
import { functionArn } from "../../../core/arn.ts";
import { lambdaTimestamp } from "../../../core/lambda-timestamp.ts";
import { type CodeSigningConfigDocument, codeSigningConfigArn } from "../../../functions/code-signing.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { nextMarker, pageRequest } from "./paging.ts";

/** Code signing configurations, and which function is bound to which. */
export function codeSigningHandlers(dependencies: LambdaDependencies): LambdaHandlers {
  const { codeSigning } = dependencies.functions;
  return {
    CreateCodeSigningConfig: async (input, context) => ({
      CodeSigningConfig: shapeOf(
        await codeSigning.create(context, { ...changeOf(input), tags: input.Tags ?? {} }),
      ),
    }),
    GetCodeSigningConfig: ({ CodeSigningConfigArn = "" }, context) => ({
      CodeSigningConfig: shapeOf(codeSigning.get(context, CodeSigningConfigArn)),
    }),
    UpdateCodeSigningConfig: async (input, context) => ({
      CodeSigningConfig: shapeOf(
        await codeSigning.update(context, input.CodeSigningConfigArn ?? "", changeOf(input)),
      ),
    }),
    DeleteCodeSigningConfig: async ({ CodeSigningConfigArn = "" }, context) => {
      await codeSigning.remove(context, CodeSigningConfigArn);
      return {};
    },
    ListCodeSigningConfigs: (input, context) => {
      const page = codeSigning.list(context, pageRequest(input));
      return { CodeSigningConfigs: page.items.map(shapeOf), ...nextMarker(page) };
    },
    ListFunctionsByCodeSigningConfig: (input, context) => {
      const page = codeSigning.functions(context, input.CodeSigningConfigArn ?? "", pageRequest(input));
      const { account, region } = context;
      return {
        FunctionArns: page.items.map((functionName) => functionArn({ account, region, functionName })),
        ...nextMarker(page),
      };
    },
    ...bindingHandlers(dependencies),
  };
}

function bindingHandlers({ functions: { codeSigning } }: LambdaDependencies): LambdaHandlers {
  return {
    PutFunctionCodeSigningConfig: async ({ CodeSigningConfigArn = "", FunctionName = "" }, context) => ({
      CodeSigningConfigArn,
      FunctionName: await codeSigning.bind(context, FunctionName, CodeSigningConfigArn),
    }),
    // AWS: 200 with the name alone for a function without one; Terraform reads it for each function.
    GetFunctionCodeSigningConfig: ({ FunctionName = "" }, context) => {
      const { functionName, arn } = codeSigning.bound(context, FunctionName);
      return { CodeSigningConfigArn: arn, FunctionName: functionName };
    },
    DeleteFunctionCodeSigningConfig: async ({ FunctionName = "" }, context) => {
      await codeSigning.unbind(context, FunctionName);
      return {};
    },
  };
}

const changeOf = (input: {
  readonly Description?: string | undefined;
  readonly AllowedPublishers?: { readonly SigningProfileVersionArns: string[] | undefined } | undefined;
  readonly CodeSigningPolicies?:
    | { readonly UntrustedArtifactOnDeployment?: "Warn" | "Enforce" | undefined }
    | undefined;
}) => ({
  description: input.Description,
  signingProfileVersionArns: input.AllowedPublishers?.SigningProfileVersionArns,
  untrustedArtifactOnDeployment: input.CodeSigningPolicies?.UntrustedArtifactOnDeployment,
});

function shapeOf(config: CodeSigningConfigDocument): CodeSigningConfig {
  return {
    CodeSigningConfigId: config.id,
    CodeSigningConfigArn: codeSigningConfigArn(config),
    Description: config.description,
    AllowedPublishers: { SigningProfileVersionArns: [...config.signingProfileVersionArns] },
    CodeSigningPolicies: { UntrustedArtifactOnDeployment: config.untrustedArtifactOnDeployment },
    LastModified: lambdaTimestamp(config.lastModifiedMs),
  };
}
