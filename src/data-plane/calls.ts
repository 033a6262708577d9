import type { Owner } from "../core/function-reference.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { Principal } from "../core/principal.ts";
import type { PackClaim } from "../ports/code-cache.ts";
import type { LayersDirectory } from "../ports/code-store.ts";
import type { AnnouncedFunction } from "./announced-connection.ts";

/** What a request says of itself that decides whether a data-plane process may serve it. */
export interface LeaseQuestion {
  /** The name that the lease is remembered by. */
  readonly key: string;
  /** "AWS4-HMAC-SHA256 Credential=…", without the signature; undefined where the request is not signed. */
  readonly credential: string | undefined;
  readonly sessionToken: string | undefined;
  /** As written in the address, decoded. */
  readonly reference: string;
  readonly qualifier: string | undefined;
}

/** What a data-plane process may do by itself until it is revoked. */
export interface Lease {
  /** Of the revocations; one that came later has taken this lease back. */
  readonly epoch: number;
  /** Epoch milliseconds; asked for again afterwards. */
  readonly untilMs: number;
  readonly account: string;
  readonly region: string;
  readonly principal: Principal;
  /** base64: the key of SigV4 for the credential's day, region and service; absent where nothing is verified. */
  readonly signingKey?: string;
  readonly version: FunctionVersion;
  readonly invokedFunctionArn: string;
  readonly executedVersion: string;
}

/** Of a function's role, for one environment. */
export interface EnvironmentCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expirationMs: number;
}

/** Requests of this kind are the main process's business until something changes. */
export interface NoLease {
  readonly epoch: number;
  readonly forward: true;
}

export type LeaseAnswer = Lease | NoLease;

/** Units of an account's concurrency, and invocations of its rate. */
export interface Units {
  readonly units: number;
  readonly invocations: number;
}

/** What has happened in a data-plane process since it last told. */
export interface Records {
  /** Events of log streams, in their order. */
  readonly logs: readonly LoggedEvents[];
  readonly tallies: readonly TalliedName[];
  /** Of invocations, in their order: a tally's id, a kind of `TALLY_EVENTS`, and that kind's values. */
  readonly counts: readonly number[];
  readonly samples: readonly PlatformSample[];
  /** Environments alive, per runtime. */
  readonly environments: Readonly<Record<string, number>>;
}

export interface LoggedEvents {
  readonly account: string;
  readonly region: string;
  readonly logGroupName: string;
  readonly logStreamName: string;
  /** A time and a message, by turns. */
  readonly events: readonly (number | string)[];
}

/** A name under which invocations are counted, told before it is used. */
export interface TalliedName extends Owner {
  readonly id: number;
  readonly functionName: string;
  readonly version: string;
  readonly invokedFunctionArn: string;
}

/** With the number of values that follow each. */
export const TALLY_EVENTS = {
  began: 0,
  /** When it started, on the machine's monotonic clock; how long it ran; 1 when it failed. */
  ended: 1,
  dropped: 2,
  throttledWhileWaiting: 3,
  refused: 4,
} as const;

/** How many numbers an event of each kind has after the tally's id and the kind. */
export const TALLY_EVENT_VALUES: readonly number[] = [0, 3, 0, 0, 0];

export type PlatformSample =
  | readonly [
      kind: "invocation",
      functionName: string,
      durationMs: number,
      outcome: "ok" | "error" | "throttled",
    ]
  | readonly [kind: "cold start", runtime: string, durationMs: number]
  | readonly [kind: "request", operation: string, status: number, durationMs: number];

export interface ProcessUse {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
}

type Call<Question, Answer> = { readonly question: Question; readonly answer: Answer };

/** What a data-plane process asks of the main process. */
export type CallsOfProcess = {
  readonly lease: Call<LeaseQuestion, LeaseAnswer>;
  readonly borrow: Call<Owner & Units, Units>;
  readonly credentials: Call<AnnouncedFunction, EnvironmentCredentials>;
  readonly codeDirectory: Call<{ readonly codeHash: string }, string>;
  readonly layersDirectory: Call<{ readonly codeHashes: readonly string[] }, LayersDirectory>;
  /** What an environment that starts does with its deployment's pack of compiled code. */
  readonly claimPack: Call<{ readonly name: string; readonly patienceMs: number }, PackClaim>;
  /** False where it was not this process's to make. */
  readonly adoptPack: Call<
    { readonly name: string; readonly preloads: boolean; readonly unfinished: string },
    boolean
  >;
  /** It is gone, or damaged. */
  readonly dropPack: Call<{ readonly name: string }, void>;
  readonly records: Call<Records, void>;
};

/** What the main process asks of a data-plane process. */
export type CallsOfMain = {
  /** Comes first; answered when functions could be run. */
  readonly configure: Call<{ readonly configuration: string }, void>;
  readonly listen: Call<{ readonly host: string; readonly port: number }, void>;
  /** Leases of an earlier epoch are void when this is answered, and these deployments get no new event. */
  readonly revoke: Call<{ readonly epoch: number; readonly retired: readonly string[] }, void>;
  /** Hands over what is not in use. */
  readonly recall: Call<Owner, Units>;
  readonly renewRuntimes: Call<FunctionVersion, void>;
  /** Functions with this runtime and memory exist. */
  readonly use: Call<{ readonly runtime: string; readonly memoryMb: number }, void>;
  /** Hands over all records; answers with what the process itself uses. */
  readonly flush: Call<null, ProcessUse>;
  /** Answered when no invocation runs here any more, and everything has been told. */
  readonly drain: Call<{ readonly withinMs: number }, void>;
  /** Removes what it has made and ends. */
  readonly end: Call<null, void>;
};
