import type { Bindings } from "./bindings.ts";
import type { Failure } from "./failure.ts";
import type { Reply } from "./reply.ts";
import type { ServiceModel } from "./service-model.ts";
import type { Member } from "./shape.ts";

/** What restJson1 and restXml do differently: the bodies. */
export interface RestBody {
  readonly contentType: string;
  /** AWS's content type for a body that is a blob. */
  readonly blobContentType: string;
  readMembers(service: ServiceModel, members: readonly Member[], bytes: Uint8Array): Record<string, unknown>;
  readPayload(service: ServiceModel, payload: Member, bytes: Uint8Array): unknown;
  writeMembers(service: ServiceModel, bindings: Bindings, output: Record<string, unknown>): string;
  writePayload(service: ServiceModel, payload: Member, value: unknown): string;
  writeFailure(service: ServiceModel | undefined, failure: Failure, reply: Reply): void;
}
