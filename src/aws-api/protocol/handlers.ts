import type { Readable } from "node:stream";
import type { CommandImpl } from "@smithy/core/client";
import type { Principal } from "../../core/principal.ts";

type OperationName<M> = {
  [K in keyof M]: K extends `${infer N}Command` ? (N extends "$" | "" ? never : N) : never;
}[keyof M];

// biome-ignore lint/suspicious/noExplicitAny: matches every constructor, whatever its parameters
type Constructor<C> = new (...parameters: any[]) => C;

type CommandOf<M, N extends string> = `${N}Command` extends keyof M
  ? M[`${N}Command`] extends Constructor<infer C>
    ? C
    : never
  : never;

/** Blobs arrive as bytes, streaming bodies as a stream: what a server receives where the client type says "any payload". */
type Received<T> = {
  [K in keyof T]: Exclude<T[K], undefined> extends never
    ? T[K]
    : Uint8Array extends T[K]
      ?
          | (ArrayBuffer extends T[K] ? Uint8Array : Readable extends T[K] ? Readable : Uint8Array)
          | Extract<T[K], undefined>
      : T[K];
};

type Answered<T> = {
  [K in keyof T as Exclude<K, "$metadata">]: T[K] extends
    | { transformToString(e?: string): string }
    | undefined
    ? Uint8Array | undefined
    : T[K] extends { transformToString(e?: string): Promise<string> } | undefined
      ? Readable | Uint8Array | undefined
      : T[K];
};

/** The input of operation `N`, typed from the SDK's client module `M`. */
export type Input<M, N extends string> =
  // biome-ignore lint/suspicious/noExplicitAny: only the input parameter is of interest
  CommandOf<M, N> extends CommandImpl<infer I, any, any, any, any> ? Received<I> : never;

/** The output of operation `N`, typed from the SDK's client module `M`. */
export type Output<M, N extends string> =
  // biome-ignore lint/suspicious/noExplicitAny: only the output parameter is of interest
  CommandOf<M, N> extends CommandImpl<any, infer O, any, any, any> ? Answered<O> : never;

/** What a handler knows about its request besides the modelled input. */
export interface RequestContext {
  readonly requestId: string;
  readonly account: string;
  readonly region: string;
  readonly principal: Principal;
  /** The Host header: how the client reaches this server. */
  readonly host: string | undefined;
  /** X-Amzn-Trace-Id as received. */
  readonly traceHeader: string | undefined;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** Extra response headers that no output shape has; names in lower case. */
  readonly responseHeaders: Record<string, string>;
}

export type Handlers<M> = {
  readonly [N in OperationName<M>]?: (
    input: Input<M, N>,
    context: RequestContext,
  ) => Promise<Output<M, N>> | Output<M, N>;
};

/** One AWS service: the SDK's module gives every shape, the handlers give the behaviour. */
export interface ServiceDefinition {
  /** Signing name in the credential scope, e.g. "lambda", "iam", "logs". */
  readonly signingName: string;
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's config type differs per client
  readonly client: { readonly config: any };
  readonly module: object;
  // biome-ignore lint/suspicious/noExplicitAny: typed at defineService, erased here
  readonly handlers: Readonly<Record<string, ((input: any, context: RequestContext) => unknown) | undefined>>;
  /** Input members ("Structure.member") whose enum the handlers check themselves, where AWS's answer differs. */
  readonly lenientMembers?: readonly string[];
}

/** Ties handlers to the client module that types them. */
export function defineService<M extends object>(definition: {
  readonly signingName: string;
  // biome-ignore lint/suspicious/noExplicitAny: the SDK's config type differs per client
  readonly client: { readonly config: any };
  readonly module: M;
  readonly handlers: Handlers<M>;
  readonly lenientMembers?: readonly string[];
}): ServiceDefinition {
  return definition as ServiceDefinition;
}
