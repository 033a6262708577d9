import { buffer } from "node:stream/consumers";
import {
  CreateFunctionCommand,
  type CreateFunctionCommandInput,
  InvokeCommand,
  LambdaClient,
  PublishLayerVersionCommand,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import yazl from "yazl";

export const ROLE_ARN = "arn:aws:iam::000000000000:role/test-role";

export const clientConfiguration = (endpoint: string) => ({
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
});

export const lambdaClient = (endpoint: string): LambdaClient =>
  new LambdaClient(clientConfiguration(endpoint));

/** A zip of text or binary files; names ending in "bootstrap" are made executable. Equal input gives equal bytes. */
export async function zipOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const [name, content] of Object.entries(files)) {
    zip.addBuffer(Buffer.from(content as Uint8Array), name, {
      mtime: new Date(Date.UTC(2024, 0, 1)),
      mode: name.endsWith("bootstrap") ? 0o100755 : 0o100644,
    });
  }
  zip.end();
  return buffer(zip.outputStream);
}

/** Creates a function from source files and waits until it can be invoked. */
export async function deploy(
  lambda: LambdaClient,
  functionName: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  settings: Partial<CreateFunctionCommandInput> = {},
): Promise<void> {
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: functionName,
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Role: ROLE_ARN,
      Timeout: 10,
      Code: { ZipFile: await zipOf(files) },
      ...settings,
    }),
  );
  await waitUntilFunctionActiveV2(
    { client: lambda, maxWaitTime: 30, minDelay: 1, maxDelay: 1 },
    { FunctionName: functionName },
  );
}

/** Publishes a zip as a layer's next version and returns that version's ARN. */
export async function publishLayer(
  lambda: LambdaClient,
  layerName: string,
  zip: Uint8Array,
): Promise<string> {
  const { LayerVersionArn } = await lambda.send(
    new PublishLayerVersionCommand({ LayerName: layerName, Content: { ZipFile: zip } }),
  );
  if (LayerVersionArn === undefined) throw new Error(`${layerName}: no ARN came back`);
  return LayerVersionArn;
}

export interface Invocation {
  readonly body: unknown;
  readonly functionError: string | undefined;
  /** The decoded log tail. */
  readonly log: string;
  readonly executedVersion: string | undefined;
}

/** Invokes synchronously with LogType=Tail and decodes the answer. */
export async function invoke(
  lambda: LambdaClient,
  functionName: string,
  event: unknown = {},
  qualifier?: string,
): Promise<Invocation> {
  const answer = await lambda.send(
    new InvokeCommand({
      FunctionName: functionName,
      Payload: Buffer.from(JSON.stringify(event)),
      LogType: "Tail",
      ...(qualifier !== undefined && { Qualifier: qualifier }),
    }),
  );
  const text = Buffer.from(answer.Payload ?? []).toString();
  return {
    body: text === "" ? undefined : JSON.parse(text),
    functionError: answer.FunctionError,
    log: Buffer.from(answer.LogResult ?? "", "base64").toString(),
    executedVersion: answer.ExecutedVersion,
  };
}
