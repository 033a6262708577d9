/** The checksums that an object store validates and keeps beside MD5, by AWS's names. */
export const CHECKSUM_ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];
/** Base64, as in AWS's headers. */
export type Checksums = Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
/** Whether a multipart object's checksum is of its content or of its parts' checksums. */
export type ChecksumType = "COMPOSITE" | "FULL_OBJECT";

export const isChecksumAlgorithm = (name: string): name is ChecksumAlgorithm =>
  (CHECKSUM_ALGORITHMS as readonly string[]).includes(name);
