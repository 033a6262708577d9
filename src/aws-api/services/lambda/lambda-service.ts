import * as lambdaModule from "@aws-sdk/client-lambda";
import { defineService, type ServiceDefinition } from "../../protocol/handlers.ts";
import { accountSettingsHandlers } from "./account-settings.ts";
import { aliasHandlers } from "./aliases.ts";
import { codeSigningHandlers } from "./code-signing.ts";
import { concurrencyHandlers } from "./concurrency.ts";
import { createFunctionHandlers } from "./create-function.ts";
import { deleteFunctionHandlers } from "./delete-function.ts";
import { eventInvokeConfigHandlers } from "./event-invoke-config.ts";
import { eventSourceMappingHandlers } from "./event-source-mappings.ts";
import { functionUrlConfigHandlers } from "./function-url-config.ts";
import { getFunctionHandlers } from "./get-function.ts";
import { invokeHandlers, invokeNow } from "./invoke.ts";
import { invokeAsyncHandlers } from "./invoke-async.ts";
import { invokeWithResponseStreamHandlers } from "./invoke-with-response-stream.ts";
import type { InvokeDependencies, LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";
import { layerHandlers } from "./layers.ts";
import { listFunctionsHandlers } from "./list-functions.ts";
import { permissionHandlers } from "./permissions.ts";
import { recursionConfigHandlers } from "./recursion-config.ts";
import { runtimeManagementHandlers } from "./runtime-management.ts";
import { tagHandlers } from "./tags.ts";
import { updateFunctionHandlers } from "./update-function.ts";
import { versionHandlers } from "./versions.ts";

/** AWS Lambda, API version 2015-03-31. */
export function lambdaService(dependencies: LambdaDependencies): ServiceDefinition {
  return defineService({
    signingName: "lambda",
    client: new lambdaModule.LambdaClient({ region: "us-east-1" }),
    module: lambdaModule,
    handlers: lambdaHandlers(dependencies),
    // AWS: unknown runtimes get an error of their own, see `checkRuntimeIdentifier`.
    lenientMembers: ["CreateFunctionRequest.Runtime", "UpdateFunctionConfigurationRequest.Runtime"],
  });
}

/** Invoke alone, for callers who wait. */
export function lambdaInvocations(dependencies: InvokeDependencies): ServiceDefinition {
  return defineService({
    signingName: "lambda",
    client: new lambdaModule.LambdaClient({ region: "us-east-1" }),
    module: lambdaModule,
    handlers: { Invoke: (input, context) => invokeNow(dependencies, input, context) },
  });
}

/** The behaviour of the service, apart from its wiring. */
export function lambdaHandlers(dependencies: LambdaDependencies): LambdaHandlers {
  return {
    ...createFunctionHandlers(dependencies),
    ...getFunctionHandlers(dependencies),
    ...listFunctionsHandlers(dependencies),
    ...updateFunctionHandlers(dependencies),
    ...deleteFunctionHandlers(dependencies),
    ...versionHandlers(dependencies),
    ...aliasHandlers(dependencies),
    ...tagHandlers(dependencies),
    ...concurrencyHandlers(dependencies),
    ...runtimeManagementHandlers(dependencies),
    ...accountSettingsHandlers(dependencies),
    ...eventInvokeConfigHandlers(dependencies),
    ...eventSourceMappingHandlers(dependencies),
    ...functionUrlConfigHandlers(dependencies),
    ...recursionConfigHandlers(dependencies),
    ...codeSigningHandlers(dependencies),
    ...permissionHandlers(dependencies),
    ...layerHandlers(dependencies),
    ...invokeHandlers(dependencies),
    ...invokeAsyncHandlers(dependencies),
    ...invokeWithResponseStreamHandlers(dependencies),
  };
}
