import type { FileSystemConfig } from "@aws-sdk/client-lambda";
import { notSupported } from "../../../core/errors.ts";
import { checkFileSystem, type FileSystemMount, type FileSystemTable } from "../../../core/file-systems.ts";

/** FileSystemConfigs of a request, checked; undefined when not given, empty to have none any more. */
export function fileSystemsInput(
  configs: readonly FileSystemConfig[] | undefined,
  table: FileSystemTable,
): readonly FileSystemMount[] | undefined {
  return configs?.map((config) => {
    if (config.S3FilesConfig !== undefined) throw notSupported("FileSystemConfigs with S3FilesConfig");
    const mount = { arn: config.Arn ?? "", localMountPath: config.LocalMountPath ?? "" };
    checkFileSystem(mount, table);
    return mount;
  });
}
