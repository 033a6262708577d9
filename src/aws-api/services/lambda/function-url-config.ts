import type { Cors, FunctionUrlConfig } from "@aws-sdk/client-lambda";
import { lambdaTimestamp } from "../../../core/lambda-timestamp.ts";
import {
  type FunctionUrlCors,
  type FunctionUrlDocument,
  functionUrlTarget,
} from "../../../functions/function-urls.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { nextMarker, pageRequest } from "./paging.ts";

/** CreateFunctionUrlConfig, GetFunctionUrlConfig, UpdateFunctionUrlConfig, DeleteFunctionUrlConfig, ListFunctionUrlConfigs. */
export function functionUrlConfigHandlers({ functions, functionUrl }: LambdaDependencies): LambdaHandlers {
  const { urls } = functions;
  const shapeOf = (document: FunctionUrlDocument): FunctionUrlConfig => ({
    ...created(document, functionUrl),
    InvokeMode: document.value.invokeMode,
    LastModifiedTime: lambdaTimestamp(document.lastModifiedMs),
  });
  return {
    CreateFunctionUrlConfig: async (input, context) => {
      const document = await urls.create(
        context,
        { reference: input.FunctionName ?? "", qualifier: input.Qualifier },
        {
          authType: input.AuthType ?? "AWS_IAM",
          ...(input.InvokeMode !== undefined && { invokeMode: input.InvokeMode }),
          ...(input.Cors !== undefined && { cors: corsOf(input.Cors) }),
        },
      );
      // AWS: the answer has the invoke mode only when it was asked for (recorded from the service).
      return {
        ...created(document, functionUrl),
        ...(input.InvokeMode !== undefined && { InvokeMode: input.InvokeMode }),
      };
    },
    GetFunctionUrlConfig: ({ FunctionName = "", Qualifier }, context) =>
      shapeOf(urls.get(context, FunctionName, Qualifier)),
    UpdateFunctionUrlConfig: async (input, context) => {
      const document = await urls.update(
        context,
        { reference: input.FunctionName ?? "", qualifier: input.Qualifier },
        {
          ...(input.AuthType !== undefined && { authType: input.AuthType }),
          ...(input.InvokeMode !== undefined && { invokeMode: input.InvokeMode }),
          ...(input.Cors !== undefined && { cors: corsOf(input.Cors) }),
        },
      );
      return shapeOf(document);
    },
    DeleteFunctionUrlConfig: async ({ FunctionName = "", Qualifier }, context) => {
      await urls.remove(context, FunctionName, Qualifier);
      return {};
    },
    ListFunctionUrlConfigs: (input, context) => {
      const page = urls.list(context, input.FunctionName ?? "", pageRequest(input));
      return { FunctionUrlConfigs: page.items.map(shapeOf), ...nextMarker(page) };
    },
  };
}

function created(
  document: FunctionUrlDocument,
  functionUrl: (urlId: string, region: string) => string,
): Omit<FunctionUrlConfig, "LastModifiedTime"> {
  const { value } = document;
  return {
    FunctionUrl: functionUrl(value.urlId, document.region),
    FunctionArn: functionUrlTarget(document, document.qualifier),
    AuthType: value.authType,
    ...(value.cors !== undefined && Object.keys(value.cors).length > 0 && { Cors: corsShape(value.cors) }),
    CreationTime: lambdaTimestamp(document.createdMs),
  };
}

function corsOf(cors: Cors): FunctionUrlCors {
  return {
    ...(cors.AllowCredentials !== undefined && { allowCredentials: cors.AllowCredentials }),
    ...(cors.AllowHeaders !== undefined && { allowHeaders: cors.AllowHeaders }),
    ...(cors.AllowMethods !== undefined && { allowMethods: cors.AllowMethods }),
    ...(cors.AllowOrigins !== undefined && { allowOrigins: cors.AllowOrigins }),
    ...(cors.ExposeHeaders !== undefined && { exposeHeaders: cors.ExposeHeaders }),
    ...(cors.MaxAge !== undefined && { maxAgeSeconds: cors.MaxAge }),
  };
}

function corsShape(cors: FunctionUrlCors): Cors {
  return {
    ...(cors.allowCredentials !== undefined && { AllowCredentials: cors.allowCredentials }),
    ...(cors.allowHeaders !== undefined && { AllowHeaders: [...cors.allowHeaders] }),
    ...(cors.allowMethods !== undefined && { AllowMethods: [...cors.allowMethods] }),
    ...(cors.allowOrigins !== undefined && { AllowOrigins: [...cors.allowOrigins] }),
    ...(cors.exposeHeaders !== undefined && { ExposeHeaders: [...cors.exposeHeaders] }),
    ...(cors.maxAgeSeconds !== undefined && { MaxAge: cors.maxAgeSeconds }),
  };
}
