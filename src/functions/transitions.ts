import { AwsError } from "../core/errors.ts";
import { ACTIVE, CODE_UNAVAILABLE, UPDATED } from "../core/function-states.ts";
import type { Clock } from "../ports/clock.ts";
import type { CodeStore } from "../ports/code-store.ts";
import type { Logger } from "../ports/logger.ts";
import type { FunctionDocument, FunctionName } from "./documents.ts";
import type { FunctionRepository } from "./function-repository.ts";

const RETRY_DELAY_MS = 1000;

/**
 * Takes functions from Pending to Active and from InProgress to Successful: once their package is unpacked here. The
 * store says what is under way, so that a transition interrupted by a crash is begun again at the next start.
 */
export class Transitions {
  readonly #repository: FunctionRepository;
  readonly #codeStore: CodeStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #newId: () => string;
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(dependencies: {
    readonly repository: FunctionRepository;
    readonly codeStore: CodeStore;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly newId: () => string;
  }) {
    this.#repository = dependencies.repository;
    this.#codeStore = dependencies.codeStore;
    this.#clock = dependencies.clock;
    this.#logger = dependencies.logger;
    this.#newId = dependencies.newId;
  }

  /** Completes the creation or update that `document` is in; returns at once. Fine when nothing is under way. */
  begin(document: FunctionDocument): void {
    if (this.#closed || !isUnderWay(document)) return;
    const running = this.#complete(document).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Resolves when no transition is running. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
  }

  async #complete(begun: FunctionDocument): Promise<void> {
    try {
      const failed = !(await this.#codeIsReady(begun));
      await this.#repository.changeFunction(begun, (current) => {
        if (current.latest.deploymentId !== begun.latest.deploymentId || !isUnderWay(current))
          return undefined;
        const revisionId = this.#newId();
        return { document: failed ? afterFailure(current, revisionId) : afterSuccess(current, revisionId) };
      });
    } catch (error) {
      if (error instanceof AwsError && error.code === "ResourceNotFoundException") return;
      this.#logger.warn("a function's transition is tried again", {
        functionName: begun.functionName,
        error: String(error),
      });
      if (!this.#closed) this.#clock.after(RETRY_DELAY_MS, () => this.begin(begun));
    }
  }

  async #codeIsReady({ functionName, latest }: FunctionName & FunctionDocument): Promise<boolean> {
    try {
      await this.#codeStore.directory(latest.code.codeHash);
      return true;
    } catch (error) {
      this.#logger.error("a deployment package could not be made ready", {
        functionName,
        codeHash: latest.code.codeHash,
        error: String(error),
      });
      return false;
    }
  }
}

/** True while a creation or an update has not ended. */
export const isUnderWay = ({ state, lastUpdate }: FunctionDocument): boolean =>
  state.state === "Pending" || lastUpdate?.status === "InProgress";

function afterSuccess(current: FunctionDocument, revisionId: string): FunctionDocument {
  const { serving: _old, pendingVersion: _version, ...document } = current;
  return { ...document, state: ACTIVE, lastUpdate: UPDATED, revisionId };
}

/** What served before keeps serving; AWS tells of the failure in LastUpdateStatus, or State for a new function. */
function afterFailure(current: FunctionDocument, revisionId: string): FunctionDocument {
  const { pendingVersion: _version, ...document } = current;
  return current.lastUpdate?.status === "InProgress"
    ? { ...document, lastUpdate: { status: "Failed", ...CODE_UNAVAILABLE }, revisionId }
    : { ...document, state: { state: "Failed", ...CODE_UNAVAILABLE }, revisionId };
}
