/** One object in an object store; the newest version unless one is named. */
export interface CodeObject {
  readonly bucket: string;
  readonly key: string;
  readonly version: string | undefined;
}

/** Where deployment packages are fetched from that a request names instead of carrying them. */
export interface CodeObjects {
  /**
   * The object's bytes. Throws AWS's InvalidParameterValueException with the store's own code and words when it
   * cannot be had, and AWS's 413 as soon as it is known to be larger than a deployment package may be.
   */
  fetch(object: CodeObject): Promise<Uint8Array>;
}
