import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a client needs to sign as the root user. */
export interface RootCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

/**
 * Writes the root user's access key to `root-credentials` in the data directory, readable by its owner alone, in the
 * form of AWS's shared credentials file, so that `AWS_SHARED_CREDENTIALS_FILE` can name it. Returns its path.
 */
export async function writeRootCredentials(
  dataDirectory: string,
  { accessKeyId, secretAccessKey, region }: RootCredentials,
): Promise<string> {
  const path = join(dataDirectory, "root-credentials");
  const text = `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\nregion = ${region}\n`;
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return path;
}
