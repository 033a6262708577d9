import { functionArn } from "./arn.ts";
import { resourceConflict } from "./errors.ts";
import type { FunctionState, UpdateStatus } from "./function-version.ts";

/** State of $LATEST with AWS's reason and code. */
export interface StateDescription {
  readonly state: FunctionState;
  readonly reason?: string;
  readonly reasonCode?: string;
}

/** Outcome of the last update of $LATEST with AWS's reason and code. */
export interface UpdateDescription {
  readonly status: UpdateStatus;
  readonly reason?: string;
  readonly reasonCode?: string;
}

export const CREATING: StateDescription = {
  state: "Pending",
  reason: "The function is being created.",
  reasonCode: "Creating",
};

export const ACTIVE: StateDescription = { state: "Active" };

/** AWS: an update in progress is described with the words of a creation (recorded from the service). */
export const UPDATING: UpdateDescription = {
  status: "InProgress",
  reason: "The function is being created.",
  reasonCode: "Creating",
};

export const UPDATED: UpdateDescription = { status: "Successful" };

/** Why the package of a function could not be made ready. */
export const CODE_UNAVAILABLE = {
  reason: "The deployment package could not be unpacked.",
  reasonCode: "InvalidZipFileException",
} as const;

/** 409 with AWS's text for an operation on a function that is not Active. */
export const notActive = (state: FunctionState): Error =>
  resourceConflict(
    `The operation cannot be performed at this time. The function is currently in the following state: ${state}`,
  );

/**
 * Refuses changes of $LATEST that AWS refuses: while the function is being created and while an update runs. A
 * failed function may be updated.
 */
export function checkChangeable(subject: {
  readonly account: string;
  readonly region: string;
  readonly functionName: string;
  readonly state: StateDescription;
  readonly lastUpdate?: UpdateDescription;
}): void {
  if (subject.state.state === "Pending") throw notActive("Pending");
  if (subject.lastUpdate?.status === "InProgress") {
    throw resourceConflict(
      "The operation cannot be performed at this time. An update is in progress for resource: " +
        functionArn(subject),
    );
  }
}
