import type { IncomingHttpHeaders } from "node:http";

/** What an S3 request is about. */
export interface S3Address {
  readonly bucket: string | undefined;
  /** Still percent-encoded; "" for the bucket itself. */
  readonly key: string;
  /** The host is S3's, or one of its buckets'. */
  readonly isS3Host: boolean;
}

/** `s3.localhost`, `BUCKET.s3.localhost`, both with a region after `s3`, below any domain. */
const S3_HOST = /^(?:(.+)\.)?s3(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.[a-z]/;
/** What the SDKs make of the endpoint `http://localhost`. */
const BELOW_LOCALHOST = /^([^.]+(?:\.[^.]+)*)\.localhost$/;

/** Reads bucket and key from host and path: virtual-host style where the host names a bucket, otherwise path style. */
export function s3AddressOf(headers: IncomingHttpHeaders, path: string): S3Address {
  const host = (headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  const ofS3 = S3_HOST.exec(host);
  const bucketInHost = ofS3 ? ofS3[1] : BELOW_LOCALHOST.exec(host)?.[1];
  const isS3Host = ofS3 !== null;
  if (bucketInHost !== undefined) return { bucket: bucketInHost, key: path.slice(1), isS3Host };
  const slash = path.indexOf("/", 1);
  const bucket = slash < 0 ? path.slice(1) : path.slice(1, slash);
  return {
    bucket: bucket === "" ? undefined : bucket,
    key: slash < 0 ? "" : path.slice(slash + 1),
    isS3Host,
  };
}
