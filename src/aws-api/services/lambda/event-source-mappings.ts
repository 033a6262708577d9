import type { EventSourceMappingConfiguration } from "@aws-sdk/client-lambda";
import type { MappingDescription } from "../../../event-source-mappings/event-source-mappings.ts";
import { mappingArn } from "../../../event-source-mappings/mapping-document.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** Event source mappings. */
export function eventSourceMappingHandlers({ mappings }: LambdaDependencies): LambdaHandlers {
  return {
    CreateEventSourceMapping: async (input, context) => shapeOf(await mappings.create(context, input)),
    GetEventSourceMapping: ({ UUID = "" }, context) => shapeOf(mappings.get(context, UUID)),
    ListEventSourceMappings: ({ EventSourceArn, FunctionName, Marker, MaxItems }, context) => {
      const page = mappings.list(context, {
        eventSourceArn: EventSourceArn,
        functionName: FunctionName,
        marker: Marker,
        maxItems: MaxItems,
      });
      return {
        EventSourceMappings: page.items.map(shapeOf),
        ...(page.nextMarker !== undefined && { NextMarker: page.nextMarker }),
      };
    },
    UpdateEventSourceMapping: async (input, context) =>
      shapeOf(await mappings.update(context, input.UUID ?? "", input)),
    DeleteEventSourceMapping: async ({ UUID = "" }, context) => shapeOf(await mappings.remove(context, UUID)),
  };
}

/** AWS: what a queue's mapping shows was recorded from the service; other members are there when they are set. */
function shapeOf({ mapping, state, lastResult }: MappingDescription): EventSourceMappingConfiguration {
  const { settings } = mapping;
  const { StartingPositionTimestamp: from, ...ofSource } = mapping.sourceSettings ?? {};
  const { filterPatterns, maximumConcurrency, provisionedPollers, countsEvents } = settings;
  return {
    UUID: mapping.uuid,
    EventSourceMappingArn: mappingArn(mapping),
    // AWS: a self-managed source has no ARN.
    ...(mapping.eventSourceArn !== "" && { EventSourceArn: mapping.eventSourceArn }),
    ...(ofSource as Partial<EventSourceMappingConfiguration>),
    ...(from !== undefined && { StartingPositionTimestamp: new Date(from) }),
    FunctionArn: settings.functionArn,
    BatchSize: settings.batchSize,
    MaximumBatchingWindowInSeconds: settings.maximumBatchingWindowSeconds,
    FunctionResponseTypes: settings.reportsBatchItemFailures ? ["ReportBatchItemFailures"] : [],
    ...(filterPatterns.length > 0 && {
      FilterCriteria: { Filters: filterPatterns.map((Pattern) => ({ Pattern })) },
    }),
    ...(maximumConcurrency !== undefined && { ScalingConfig: { MaximumConcurrency: maximumConcurrency } }),
    ...(countsEvents && { MetricsConfig: { Metrics: ["EventCount"] } }),
    ...(provisionedPollers !== undefined && {
      ProvisionedPollerConfig: {
        MinimumPollers: provisionedPollers.minimum,
        MaximumPollers: provisionedPollers.maximum,
      },
    }),
    LastModified: new Date(mapping.lastModifiedMs),
    ...(lastResult !== undefined && { LastProcessingResult: lastResult }),
    State: state,
    StateTransitionReason: "USER_INITIATED",
  };
}
