import type { DestinationConfig, FunctionEventInvokeConfig } from "@aws-sdk/client-lambda";
import { functionArn } from "../../../core/arn.ts";
import type { EventInvokeDocument, EventInvokeSetting } from "../../../functions/event-invoke-settings.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { nextMarker, pageRequest } from "./paging.ts";

/** How asynchronous invocations are retried and where their outcome goes. */
export function eventInvokeConfigHandlers({ functions }: LambdaDependencies): LambdaHandlers {
  const { eventInvoke } = functions;
  return {
    PutFunctionEventInvokeConfig: async (input, context) =>
      shapeOf(
        await eventInvoke.change(context, {
          reference: input.FunctionName ?? "",
          qualifier: input.Qualifier,
          setting: settingOf(input),
          merges: false,
        }),
      ),
    UpdateFunctionEventInvokeConfig: async (input, context) =>
      shapeOf(
        await eventInvoke.change(context, {
          reference: input.FunctionName ?? "",
          qualifier: input.Qualifier,
          setting: settingOf(input),
          merges: true,
        }),
      ),
    GetFunctionEventInvokeConfig: ({ FunctionName = "", Qualifier }, context) =>
      shapeOf(eventInvoke.get(context, FunctionName, Qualifier)),
    DeleteFunctionEventInvokeConfig: async ({ FunctionName = "", Qualifier }, context) => {
      await eventInvoke.remove(context, FunctionName, Qualifier);
      return {};
    },
    ListFunctionEventInvokeConfigs: (input, context) => {
      const page = eventInvoke.list(context, input.FunctionName ?? "", pageRequest(input));
      return { FunctionEventInvokeConfigs: page.items.map(shapeOf), ...nextMarker(page) };
    },
  };
}

/** AWS: a destination configuration replaces both destinations. */
function settingOf(input: {
  readonly MaximumRetryAttempts?: number | undefined;
  readonly MaximumEventAgeInSeconds?: number | undefined;
  readonly DestinationConfig?: DestinationConfig | undefined;
}): EventInvokeSetting {
  const destinations = input.DestinationConfig;
  return {
    ...(input.MaximumRetryAttempts !== undefined && { maximumRetryAttempts: input.MaximumRetryAttempts }),
    ...(input.MaximumEventAgeInSeconds !== undefined && {
      maximumEventAgeSeconds: input.MaximumEventAgeInSeconds,
    }),
    ...(destinations !== undefined && {
      onSuccess: destinations.OnSuccess?.Destination ?? "",
      onFailure: destinations.OnFailure?.Destination ?? "",
    }),
  };
}

function shapeOf(document: EventInvokeDocument): FunctionEventInvokeConfig {
  const { maximumRetryAttempts, maximumEventAgeSeconds, onSuccess, onFailure } = document.value;
  return {
    LastModified: new Date(document.lastModifiedMs),
    FunctionArn: functionArn(document, document.qualifier),
    ...(maximumRetryAttempts !== undefined && { MaximumRetryAttempts: maximumRetryAttempts }),
    ...(maximumEventAgeSeconds !== undefined && { MaximumEventAgeInSeconds: maximumEventAgeSeconds }),
    DestinationConfig: {
      OnSuccess: onSuccess ? { Destination: onSuccess } : {},
      OnFailure: onFailure ? { Destination: onFailure } : {},
    },
  };
}
