import { extensionFailure, type FunctionFailure } from "../core/function-error.ts";
import type { InvocationRequest } from "../core/invocation.ts";
import type { Clock } from "../ports/clock.ts";
import type { RuntimeApiRefusal } from "./runtime-api-session.ts";

export type ExtensionEventType = "INVOKE" | "SHUTDOWN";

/** What an extension is handed; INVOKE tells of an invocation, never its payload. */
export type ExtensionEvent =
  | {
      readonly eventType: "INVOKE";
      readonly deadlineMs: number;
      readonly requestId: string;
      readonly invokedFunctionArn: string;
      readonly tracing: { readonly type: "X-Amzn-Trace-Id"; readonly value: string };
    }
  | { readonly eventType: "SHUTDOWN"; readonly shutdownReason: ShutdownReason; readonly deadlineMs: number };

export type ShutdownReason = "spindown" | "timeout" | "failure";

/** What a registering extension is told. */
export interface ExtendedFunction {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly handler: string;
  readonly accountId: string;
}

interface Extension {
  readonly id: string;
  readonly name: string;
  readonly isExternal: boolean;
  readonly events: ReadonlySet<ExtensionEventType>;
  /** Present while it waits for its next event. */
  deliver: ((event: ExtensionEvent) => void) | undefined;
  /** It has asked for an event for the first time. */
  wasReady: boolean;
}

/** The state of one whose process could not be started. */
const LAUNCH_ERROR = "LaunchError";

/** AWS: "Lambda Extensions API": at most ten. */
const EXTENSIONS_MAX = 10;

export interface ExtensionSetDependencies {
  readonly describes: ExtendedFunction;
  /** Makes version 4 UUIDs. */
  readonly newId: () => string;
  readonly clock: Clock;
  /** An extension has become ready, or has failed: for the log. */
  readonly tell: (
    name: string,
    state: string,
    events: readonly ExtensionEventType[],
    errorType?: string,
  ) => void;
}

/**
 * The extensions of one execution environment, as "Using the Lambda Extensions API to create extensions" describes
 * them: external ones are processes beside the runtime, internal ones run in it. Refusals change nothing.
 */
export class ExtensionSet {
  readonly #dependencies: ExtensionSetDependencies;
  readonly #extensions = new Map<string, Extension>();
  /** External ones whose process has ended. */
  readonly #gone = new Set<string>();
  #external: readonly string[] = [];
  #isClosed = false;
  #isEnding = false;
  #allGone: (() => void) | undefined;
  /** For those who were busy when the environment began to end: they get it when they ask. */
  #shutdown: ExtensionEvent | undefined;
  /** Who has got it, by id. */
  readonly #told = new Set<string>();
  /** Called when every extension waits for its next event. */
  onReady: () => void = () => undefined;
  /** Called when an extension has failed: the environment is not sound any more. */
  onFailed: (failure: (requestId: string) => FunctionFailure) => void = () => undefined;

  constructor(dependencies: ExtensionSetDependencies) {
    this.#dependencies = dependencies;
  }

  /** Names of the programs that are started beside the runtime; each has to register. */
  expect(external: readonly string[]): void {
    this.#external = external;
  }

  get describes(): ExtendedFunction {
    return this.#dependencies.describes;
  }

  /** Nothing registered and nothing expected: nobody waits for anything. */
  get isEmpty(): boolean {
    return this.#extensions.size === 0 && this.#external.length === 0;
  }

  /** Whether all that are expected have registered and wait for their next event. */
  get isReady(): boolean {
    const registered = [...this.#extensions.values()];
    return (
      registered.every(({ deliver }) => deliver !== undefined) &&
      this.#external.every((name) => registered.some((extension) => extension.name === name))
    );
  }

  get hasRegistered(): boolean {
    return this.#extensions.size > 0;
  }

  get hasExternal(): boolean {
    return [...this.#extensions.values()].some(({ isExternal }) => isExternal);
  }

  /** The window ends with the initialisation. */
  closeRegistration(): void {
    this.#isClosed = true;
  }

  /** Answers the extension's id. */
  register(name: string, events: readonly string[]): string | RuntimeApiRefusal {
    const { newId } = this.#dependencies;
    const isExternal = this.#external.includes(name);
    const refused = this.#refusesToRegister(name, events, isExternal);
    if (refused !== undefined) return refused;
    const id = newId();
    this.#extensions.set(id, {
      id,
      name,
      isExternal,
      events: new Set(events as ExtensionEventType[]),
      deliver: undefined,
      wasReady: false,
    });
    return id;
  }

  /** In the order of AWS's checks. */
  #refusesToRegister(
    name: string,
    events: readonly string[],
    isExternal: boolean,
  ): RuntimeApiRefusal | undefined {
    if (name === "") return emptyName;
    const unknown = events.find((event) => event !== "INVOKE" && (event !== "SHUTDOWN" || !isExternal));
    if (unknown !== undefined)
      return refusal(
        "Extension.InvalidEventType",
        `${unknown}: ${unknown === "SHUTDOWN" ? "ShutdownEventNotSupportedForInternalExtension" : "ErrorInvalidEventType"}`,
      );
    const known = [...this.#extensions.values()];
    const isKnown = known.some((extension) => extension.name === name);
    if (isKnown && isExternal)
      return refusal(
        "Extension.InvalidExtensionState",
        `State transition from Registered to Registered failed for extension ${name}. Error: State transition is not allowed`,
      );
    if (this.#isClosed)
      return refusal("Extension.RegistrationClosed", "Extension registration closed already");
    if (isKnown)
      return refusal("Extension.InvalidExtensionState", "Extension with this name already registered");
    return known.length >= EXTENSIONS_MAX
      ? refusal("Extension.TooManyExtensions", `Extension limit (${EXTENSIONS_MAX}) reached`)
      : undefined;
  }

  /** The name of the extension with that id. */
  identify(id: string | undefined): string | RuntimeApiRefusal {
    const extension = this.#known(id);
    return "status" in extension ? extension : extension.name;
  }

  /** Parks until there is an event; `deliver` is called at most once. */
  next(id: string | undefined, deliver: (event: ExtensionEvent) => void): RuntimeApiRefusal | undefined {
    const extension = this.#known(id);
    if ("status" in extension) return extension;
    if (this.#shutdown !== undefined && extension.events.has("SHUTDOWN") && !this.#told.has(extension.id)) {
      this.#told.add(extension.id);
      deliver(this.#shutdown);
      return undefined;
    }
    extension.deliver = deliver;
    if (!extension.wasReady) {
      extension.wasReady = true;
      this.#dependencies.tell(extension.name, "Ready", [...extension.events]);
    }
    if (this.isReady) this.onReady();
    return undefined;
  }

  /** The extension reports that it cannot go on; `phase` says where. */
  fail(
    id: string | undefined,
    phase: "init" | "exit",
    errorType: string | undefined,
  ): RuntimeApiRefusal | undefined {
    const extension = this.#known(id);
    if ("status" in extension) return extension;
    if (errorType === undefined)
      return refusal("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found");
    if (phase === "init" && this.#isClosed)
      return refusal(
        "Extension.InvalidExtensionState",
        "State transition from Ready to InitError is not allowed",
      );
    const kind = phase === "init" ? "Extension.InitError" : "Extension.ExitError";
    this.#dependencies.tell(
      extension.name,
      phase === "init" ? "InitError" : "ExitError",
      [...extension.events],
      errorType,
    );
    this.onFailed((requestId) => extensionFailure(requestId, kind, errorType));
    return undefined;
  }

  /** The process of an external extension has ended. Before the environment's end that is a failure. */
  processEnded(name: string, status: number): void {
    if (!this.#external.includes(name) || this.#gone.has(name)) return;
    this.#gone.add(name);
    if (this.#allGone !== undefined && this.#areAllGone()) this.#allGone();
    if (this.#isEnding) return;
    this.#dependencies.tell(name, "Crash", [], "Extension.Crash");
    this.onFailed((requestId) => extensionFailure(requestId, "Extension.Crash", `exit status ${status}`));
  }

  /**
   * The process of an external extension could not be started: `reason` in the words of the operating system. AWS: an
   * environment without one of its extensions does not initialise.
   */
  notLaunched(name: string, reason: string): void {
    if (!this.#external.includes(name) || this.#isEnding) return;
    const errorType = reason === "permission denied" ? "PermissionDenied" : "UnknownError";
    this.#dependencies.tell(name, LAUNCH_ERROR, [], errorType);
    const message = `fork/exec /opt/extensions/${name}: ${reason}`;
    this.onFailed((requestId) => extensionFailure(requestId, `Extension.${LAUNCH_ERROR}`, message));
  }

  /** From here on no process's end is a failure. */
  beginShutdown(): void {
    this.#isEnding = true;
  }

  /** Tells those who want to know of an invocation. */
  tellOf(request: InvocationRequest, deadlineMs: number): void {
    const event: ExtensionEvent = {
      eventType: "INVOKE",
      deadlineMs,
      requestId: request.requestId,
      invokedFunctionArn: request.invokedFunctionArn,
      tracing: { type: "X-Amzn-Trace-Id", value: request.traceHeader ?? "" },
    };
    for (const extension of this.#extensions.values())
      if (extension.events.has("INVOKE")) deliverTo(extension, event);
  }

  /**
   * Tells external extensions that the environment ends, and resolves when all of them have ended, or `limitMs` later.
   * Resolves at once when there are none.
   */
  shutDown(shutdownReason: ShutdownReason, limitMs: number): Promise<void> {
    if (!this.hasExternal || this.#areAllGone()) return Promise.resolve();
    const { clock } = this.#dependencies;
    const deadlineMs = Math.round(clock.nowMs() + limitMs);
    return new Promise((resolve) => {
      const cancel = clock.after(limitMs, resolve);
      this.#allGone = () => {
        cancel();
        resolve();
      };
      this.#shutdown = { eventType: "SHUTDOWN", shutdownReason, deadlineMs };
      for (const extension of this.#extensions.values()) {
        if (!extension.events.has("SHUTDOWN") || extension.deliver === undefined) continue;
        this.#told.add(extension.id);
        deliverTo(extension, this.#shutdown);
      }
    });
  }

  /** Only those who were told can end by themselves. */
  #areAllGone(): boolean {
    return [...this.#extensions.values()].every(
      ({ isExternal, events, name }) => !isExternal || !events.has("SHUTDOWN") || this.#gone.has(name),
    );
  }

  #known(id: string | undefined): Extension | RuntimeApiRefusal {
    if (id === undefined)
      return refusal("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header");
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
      return refusal("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier");
    return (
      this.#extensions.get(id) ?? refusal("Extension.UnknownExtensionIdentifier", `Unknown extension ${id}`)
    );
  }
}

function deliverTo(extension: Extension, event: ExtensionEvent): void {
  const { deliver } = extension;
  extension.deliver = undefined;
  deliver?.(event);
}

/** Of a request that is not what the API asks for; `errorMessage` says why. */
export const invalidRequestFormat = (errorMessage: string): RuntimeApiRefusal =>
  refusal("InvalidRequestFormat", errorMessage);

const refusal = (errorType: string, errorMessage: string): RuntimeApiRefusal => ({
  status: 403,
  errorType,
  errorMessage,
});

/** AWS looks at the name before the body. */
export const emptyName = refusal("Extension.InvalidExtensionName", "Empty extension name");
