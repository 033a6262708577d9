/** What is known of a stored deployment package. */
export interface StoredCode {
  /** SHA-256 of the zip, hexadecimal: the package's name everywhere. */
  readonly codeHash: string;
  /** SHA-256 of the zip, base64, as AWS reports it. */
  readonly codeSha256: string;
  readonly sizeBytes: number;
  readonly unzippedBytes: number;
}

export interface LayersDirectory {
  readonly directory: string;
  /** Names of the files in its `extensions`, which are to start beside the runtime. */
  readonly extensions: readonly string[];
  /** Of these, those that cannot be executed, with the operating system's reason, e.g. "permission denied". */
  readonly launchErrors?: Readonly<Record<string, string>>;
}

/** Deployment packages: stored once by content, unpacked once, read-only. */
export interface CodeStore {
  /** Checks and stores a zip. Throws AWS's errors for hostile, damaged or too large ones and leaves nothing behind. */
  add(zip: Uint8Array): Promise<StoredCode>;
  /** Host directory with the unpacked package; unpacks again when it is missing. */
  directory(codeHash: string): Promise<string>;
  /** Host directory with the contents of layers over one another, later ones winning. */
  layers(codeHashes: readonly string[]): Promise<LayersDirectory>;
  /** The zip itself, for downloads. `NotFound` when absent. */
  read(codeHash: string): Promise<AsyncIterable<Uint8Array>>;
  /** Names of the packages unpacked here, so that those nobody refers to can be removed. */
  list(): Promise<readonly string[]>;
  /** Drops package and directory; absent is fine. */
  remove(codeHash: string): Promise<void>;
}
