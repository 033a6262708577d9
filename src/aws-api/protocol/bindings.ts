import { NormalizedSchema } from "@smithy/core/schema";
import type { Member, Shape, StructureShape } from "./shape.ts";

/** Where the members of an input, output or error stand in an HTTP message. */
export interface Bindings {
  readonly labels: readonly Member[];
  readonly query: readonly Member[];
  readonly queryParams: Member | undefined;
  readonly headers: readonly HeaderBinding[];
  readonly prefixHeaders: Member | undefined;
  readonly responseCode: Member | undefined;
  /** The member that is the whole body. */
  readonly payload: Member | undefined;
  /** The members that stand together in the body. */
  readonly body: readonly Member[];
  /** The body's members as a schema of their own, for the SDK's XML writer. */
  readonly bodySchema: NormalizedSchema | undefined;
  /** The member that is a stream of events. */
  readonly eventStream: Member | undefined;
}

export interface HeaderBinding {
  readonly member: Member;
  /** In lower case, as Node reports request headers. */
  readonly headerName: string;
}

/** Sorts the members of a shape by their HTTP binding traits. */
export function bindingsOf(shape: Shape): Bindings {
  const members = shape.kind === "structure" ? shape.members : [];
  const single = (wanted: (member: Member) => boolean): Member | undefined => members.find(wanted);
  const payload = single((member) => member.traits.httpPayload === 1 || isEventStream(member));
  const body = payload ? [] : members.filter((member) => !isBound(member));
  return {
    labels: members.filter((member) => member.traits.httpLabel === 1),
    query: members.filter((member) => member.traits.httpQuery !== undefined),
    queryParams: single((member) => member.traits.httpQueryParams === 1),
    headers: members.flatMap((member) =>
      member.traits.httpHeader === undefined
        ? []
        : [{ member, headerName: member.traits.httpHeader.toLowerCase() }],
    ),
    prefixHeaders: single((member) => member.traits.httpPrefixHeaders !== undefined),
    responseCode: single((member) => member.traits.httpResponseCode === 1),
    payload,
    body,
    bodySchema: shape.kind === "structure" && body.length > 0 ? partialSchema(shape, body) : undefined,
    eventStream: payload && isEventStream(payload) ? payload : undefined,
  };
}

function isEventStream(member: Member): boolean {
  return member.streaming && member.shape.kind === "structure";
}

function isBound({ traits }: Member): boolean {
  return (
    traits.httpLabel === 1 ||
    traits.httpQuery !== undefined ||
    traits.httpQueryParams === 1 ||
    traits.httpHeader !== undefined ||
    traits.httpPrefixHeaders !== undefined ||
    traits.httpResponseCode === 1
  );
}

function partialSchema(shape: StructureShape, members: readonly Member[]): NormalizedSchema {
  const raw = shape.schema.getSchema() as unknown as [number, string, string, unknown, string[], unknown[]];
  const names = members.map((member) => member.name);
  const schemas = names.map((name) => raw[5][raw[4].indexOf(name)]);
  return NormalizedSchema.of([3, raw[1], raw[2], raw[3], names, schemas] as never);
}
