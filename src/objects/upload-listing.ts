import { compareKeys } from "./key-order.ts";
import type { MultipartUpload } from "./multipart-upload.ts";

export interface UploadListing {
  readonly uploads: readonly MultipartUpload[];
  readonly commonPrefixes: readonly string[];
  readonly isTruncated: boolean;
  readonly lastKey: string;
  readonly lastUploadId: string;
}

/** Whether an upload comes after the markers of a request: an upload id counts only beside a key. */
export function afterMarkers(
  keyMarker: string | undefined,
  uploadIdMarker: string | undefined,
): (upload: MultipartUpload) => boolean {
  if (!keyMarker) return () => true;
  return ({ key, uploadId }) => {
    const order = compareKeys(key, keyMarker);
    return order > 0 || (order === 0 && !!uploadIdMarker && uploadId > uploadIdMarker);
  };
}

/** Uploads by key and identifier, common prefixes in place of those below them. */
export function listUploads(
  all: readonly MultipartUpload[],
  request: {
    readonly prefix: string;
    readonly delimiter: string;
    readonly max: number;
    readonly after: (upload: MultipartUpload) => boolean;
  },
): UploadListing {
  const { prefix, delimiter, max, after } = request;
  const uploads: MultipartUpload[] = [];
  const commonPrefixes = new Set<string>();
  let [lastKey, lastUploadId] = ["", ""];
  const sorted = all
    .filter((upload) => upload.key.startsWith(prefix) && after(upload))
    .sort((a, b) => compareKeys(a.key, b.key) || (a.uploadId < b.uploadId ? -1 : 1));
  for (const upload of sorted) {
    const cut = delimiter === "" ? -1 : upload.key.indexOf(delimiter, prefix.length);
    const common = cut < 0 ? undefined : upload.key.slice(0, cut + delimiter.length);
    if (common !== undefined && commonPrefixes.has(common)) {
      [lastKey, lastUploadId] = [upload.key, upload.uploadId];
      continue;
    }
    if (uploads.length + commonPrefixes.size >= max)
      return { uploads, commonPrefixes: [...commonPrefixes], isTruncated: max > 0, lastKey, lastUploadId };
    if (common === undefined) uploads.push(upload);
    else commonPrefixes.add(common);
    [lastKey, lastUploadId] = [upload.key, upload.uploadId];
  }
  return { uploads, commonPrefixes: [...commonPrefixes], isTruncated: false, lastKey, lastUploadId };
}
