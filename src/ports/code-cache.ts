/**
 * Compiled code of functions, kept so that later environments need not compile again. A cache: what is in it may be gone
 * at any time, and is not written durably. Names: letters, digits and "-".
 */
export interface CodeCache {
  /** Bytes of what is kept under the name; undefined when there is nothing. Counts as a use. */
  use(name: string): number | undefined;
  /** Undefined when it is gone, or not what was stored. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Keeps it, whole or not at all; what was used least recently goes when there is too much. */
  store(name: string, pack: Uint8Array): Promise<void>;
  /** The same with what another process of Lambent has written beside it (`PackFiles.write`), which is moved. */
  adopt(name: string, unfinished: string): Promise<void>;
  /** Drops everything whose name begins so. */
  remove(namePrefix: string): Promise<void>;
}

/** What other processes of Lambent do with the same cache: they read, and bring what its keeper then adopts. */
export interface PackFiles {
  read(name: string): Promise<Uint8Array | undefined>;
  /** Resolves with the name it is adopted by. */
  write(pack: Uint8Array): Promise<string>;
  discard(unfinished: string): Promise<void>;
}

/** What an environment that starts now does with the pack of its deployment. */
export type PackTask = "use" | "make" | "nothing";

/** What is known of a deployment when an environment of it starts. */
export interface PackClaim {
  readonly task: PackTask;
  /** See `Pack.preloads`. */
  readonly preloads: boolean;
}

/** What an environment has learnt of its deployment. */
export interface Pack {
  /** Empty where it is not worthwhile. */
  readonly code: Uint8Array;
  /** It loads what a waiting program of its runtime can load beforehand (`RuntimeReserve.preloads`). */
  readonly preloads: boolean;
}

/** Who knows which packs there are, for one process that starts environments. */
export interface PackKeeper {
  /** Whoever is to make one is waited for this long; meanwhile others are told to do nothing. */
  claim(name: string, patienceMs: number): Promise<PackClaim>;
  read(name: string): Promise<Uint8Array | undefined>;
  /** Of one that was told to make it; false, and nothing is kept, when that is no longer so. */
  keep(name: string, pack: Pack): Promise<boolean>;
}
