import { invalidParameterValue, notSupported } from "./errors.ts";

/** A file system of the operator's shown in a function's environments, as AWS mounts EFS. */
export interface FileSystemMount {
  /** Of an EFS access point; the configuration tells which directory of the host stands for it. */
  readonly arn: string;
  /** /mnt/ and a name. */
  readonly localMountPath: string;
}

/** Access point ARN → directory of the host, as configured. */
export type FileSystemTable = Readonly<Record<string, string>>;

/** Throws AWS's error, or one that names the setting, for what cannot be mounted. */
export function checkFileSystem({ arn, localMountPath }: FileSystemMount, table: FileSystemTable): void {
  if (arn.split(":")[2] === "s3files") throw notSupported("FileSystemConfigs with S3 Files");
  if (!/^\/mnt\/[a-zA-Z0-9-_.]+$/.test(localMountPath) || /^\/mnt\/\.{1,2}$/.test(localMountPath)) {
    throw invalidParameterValue(`The local mount path ${localMountPath} is not valid.`);
  }
  if (!Object.hasOwn(table, arn)) {
    throw invalidParameterValue(
      `EFS access point ${arn} does not exist: the setting fileSystems of this Lambent has no directory for it.`,
    );
  }
}
