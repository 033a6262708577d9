import {
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  type CreateFunctionCommandOutput,
} from "@aws-sdk/client-lambda";
import { type LambdaEndpoint, ROLE_ARN } from "./lambda-endpoint.ts";
import { zipOf } from "./zip.ts";

/** The package of a function of which nothing else matters. */
export const CODE = await zipOf({ "index.js": "exports.handler = async () => 1;" });

/** Creates a function; `settings` says what is not as with every other one. */
export const createFunction = (
  { client }: Pick<LambdaEndpoint, "client">,
  FunctionName: string,
  settings: Partial<CreateFunctionCommandInput> = {},
): Promise<CreateFunctionCommandOutput> =>
  client.send(
    new CreateFunctionCommand({
      FunctionName,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: ROLE_ARN,
      Code: { ZipFile: CODE },
      ...settings,
    }),
  );

/** The same, and waits until it can be invoked. */
export async function createActiveFunction(
  lambda: Pick<LambdaEndpoint, "client" | "functions">,
  FunctionName: string,
  settings: Partial<CreateFunctionCommandInput> = {},
): Promise<void> {
  await createFunction(lambda, FunctionName, settings);
  await lambda.functions.idle();
}
