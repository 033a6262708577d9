import { functionArn } from "../core/arn.ts";
import {
  ACTIVE,
  CREATING,
  type StateDescription,
  UPDATED,
  type UpdateDescription,
} from "../core/function-states.ts";
import type { RuntimePin } from "../core/function-version.ts";
import type { Deployment, FunctionDocument, VersionDocument } from "./documents.ts";
import { runtimePin } from "./runtime-pin.ts";

/** One function version as GetFunctionConfiguration tells of it. */
export interface FunctionDescription {
  readonly functionName: string;
  /** With the qualifier that the caller used, if any. */
  readonly functionArn: string;
  readonly region: string;
  readonly version: string;
  readonly deployment: Deployment;
  readonly state: StateDescription;
  readonly lastUpdate: UpdateDescription | undefined;
  readonly revisionId: string;
  readonly lastModifiedMs: number;
  readonly runtimePin: RuntimePin | undefined;
}

/** $LATEST as it will be when a running update is through: AWS shows the new configuration at once. */
export function describeLatest(head: FunctionDocument, qualifier?: string): FunctionDescription {
  return {
    functionName: head.functionName,
    functionArn: functionArn(head, qualifier),
    region: head.region,
    version: "$LATEST",
    deployment: head.latest,
    state: head.state,
    lastUpdate: head.lastUpdate,
    revisionId: head.revisionId,
    lastModifiedMs: head.lastModifiedMs,
    runtimePin: runtimePin(head, "$LATEST", head.latest),
  };
}

/** A published version; `qualifier` is its number, or the alias by which it was asked for. */
export function describeVersion(
  head: FunctionDocument,
  version: VersionDocument,
  qualifier: string | undefined = version.version,
): FunctionDescription {
  const pending = head.pendingVersion === version.version;
  return {
    functionName: head.functionName,
    functionArn: functionArn(head, qualifier),
    region: head.region,
    version: version.version,
    deployment: version.deployment,
    state: pending ? CREATING : ACTIVE,
    lastUpdate: pending ? undefined : UPDATED,
    revisionId: pending ? version.pendingRevisionId : version.revisionId,
    lastModifiedMs: version.lastModifiedMs,
    runtimePin: runtimePin(head, version.version, version.deployment),
  };
}
