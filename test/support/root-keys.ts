import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** The keys of a Lambent's root user, who is the first to sign where access is enforced. */
export async function rootKeys({
  dataDirectory,
}: {
  readonly dataDirectory: string;
}): Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }> {
  const file = await readFile(join(dataDirectory, "root-credentials"), "utf8");
  const [, accessKeyId = "", secretAccessKey = ""] =
    /aws_access_key_id = (\S+)\naws_secret_access_key = (\S+)/.exec(file) ?? [];
  return { accessKeyId, secretAccessKey };
}
