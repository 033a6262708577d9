import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  type FileSystemConfig,
  GetFunctionConfigurationCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";
import { createFunction } from "../support/created-functions.ts";
import { type LambdaEndpoint, openLambdaEndpoint, TEST_ACCESS_POINT } from "../support/lambda-endpoint.ts";

let lambda: LambdaEndpoint;
before(async () => {
  lambda = await openLambdaEndpoint();
});
after(() => lambda.close());

const create = (FunctionName: string, ...FileSystemConfigs: FileSystemConfig[]) =>
  createFunction(lambda, FunctionName, { FileSystemConfigs });

const mountsOf = async (FunctionName: string) =>
  (await lambda.client.send(new GetFunctionConfigurationCommand({ FunctionName }))).FileSystemConfigs;

test("keeps the file system of an access point that is configured, and refuses others", async () => {
  const mount = { Arn: TEST_ACCESS_POINT, LocalMountPath: "/mnt/shared" };
  await create("mounting", mount);
  await waitUntilFunctionActiveV2({ client: lambda.client, maxWaitTime: 5 }, { FunctionName: "mounting" });
  assert.deepEqual(await mountsOf("mounting"), [mount]);
  const refused = [
    [{ ...mount, Arn: `${TEST_ACCESS_POINT.slice(0, -1)}1` }, /the setting fileSystems of this Lambent/],
    [{ ...mount, LocalMountPath: "/mnt/.." }, /mount path \/mnt\/\.\. is not valid/],
    [{ ...mount, LocalMountPath: "/mnt/a/b" }, /.*/],
    [{ ...mount, LocalMountPath: "/tmp/a" }, /.*/],
    [
      {
        ...mount,
        Arn: `arn:aws:s3files:eu-west-1:123456789012:file-system/fs-${"0".repeat(17)}/access-point/fsap-${"0".repeat(17)}`,
      },
      /^FileSystemConfigs with S3 Files is not supported/,
    ],
    [{ ...mount, S3FilesConfig: { DirectS3Read: "AUTO" } }, /^FileSystemConfigs with S3FilesConfig is not/],
  ] as const;
  for (const [config, message] of refused) await assert.rejects(create("not-mounting", config), { message });
  await assert.rejects(create("not-mounting", mount, mount));
  await lambda.client.send(
    new UpdateFunctionConfigurationCommand({ FunctionName: "mounting", FileSystemConfigs: [] }),
  );
  assert.equal(await mountsOf("mounting"), undefined);
});
