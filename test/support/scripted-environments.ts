import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, Server } from "node:net";
import { PassThrough } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { FunctionVersion } from "../../src/core/function-version.ts";
import { EnvironmentFactory } from "../../src/environments/environment-factory.ts";
import type { InvocationEvent, RuntimeApiSession } from "../../src/environments/runtime-api-session.ts";
import type { InstalledRuntime } from "../../src/ports/runtime-catalogue.ts";
import type { Sandbox, SandboxExit, SandboxRequest } from "../../src/ports/sandbox.ts";
import { RuntimeApi, type ServedBeside } from "../../src/runtime-api/runtime-api.ts";
import { ManualClock } from "./manual-clock.ts";

interface ScriptedRelay {
  readonly port: number;
  readonly connections: string;
  readonly messages: Buffer[];
}

/** A sandbox without a process: the test plays the runtime's part. */
export class ScriptedSandbox implements Sandbox {
  readonly id: string;
  readonly runtimeApi = new Server();
  readonly awsEndpoint = new Server();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly telemetry = new PassThrough();
  readonly exited: Promise<SandboxExit>;
  readonly environmentVariables: Readonly<Record<string, string>>;
  session!: RuntimeApiSession;
  /** What is served beside the Runtime API. */
  beside!: ServedBeside;
  /** How often the main process was asked to end. */
  terminations = 0;
  events: InvocationEvent[] = [];
  /** How many of them a test that plays on its own has answered. */
  answered = 0;
  cpuLimited = false;
  frozen = false;
  stopped = false;
  destroyed = false;
  /** Whose /tmp it carries on. */
  readonly keepScratchOf: Sandbox | undefined;
  exit!: (exit: Partial<SandboxExit>) => void;

  constructor(request: Pick<SandboxRequest, "id" | "environmentVariables" | "keepScratchOf">) {
    this.id = request.id;
    this.environmentVariables = request.environmentVariables;
    this.keepScratchOf = request.keepScratchOf;
    this.exited = new Promise((resolve) => {
      this.exit = (exit) => resolve({ code: null, signal: null, outOfMemory: false, ...exit });
    });
  }

  /** The runtime asks for the next event; returns the refusal, if any. */
  next(): ReturnType<RuntimeApiSession["next"]> {
    return this.session.next((event) => this.events.push(event));
  }

  /** The runtime answers the newest event and asks for the next one. */
  answerAndNext(body: string): void {
    this.session.response(this.events.at(-1)?.requestId ?? "", Buffer.from(body));
    this.next();
  }

  terminate(): void {
    this.terminations++;
  }

  /** The start script tells something (`supervisionEvent`). */
  report(frameType: number, text: string): void {
    const message = Buffer.from(text);
    const header = Buffer.alloc(16);
    header.writeUInt32BE(0xa55a0000 + frameType);
    header.writeUInt32BE(message.length, 4);
    this.telemetry.write(Buffer.concat([header, message]));
  }

  /** What was sent to programs inside, by the relays that were opened. */
  readonly relays: ScriptedRelay[] = [];
  openRelay: Sandbox["openRelay"] = (port, connections) => {
    const relay: ScriptedRelay = { port, connections, messages: [] };
    this.relays.push(relay);
    return {
      send: async (message) => {
        relay.messages.push(message);
        return "HTTP/1.1 200 OK";
      },
      close: () => undefined,
    };
  };

  freeze(): void {
    this.frozen = true;
  }

  thaw(): void {
    this.frozen = false;
  }

  limitCpu(): void {
    this.cpuLimited = true;
  }

  memoryPeakBytes(): number {
    return 50 * 1_048_576;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.exit({ signal: "SIGKILL" });
  }

  async destroy(): Promise<void> {
    await this.stop();
    this.destroyed = true;
  }
}

export const scriptedRuntime: InstalledRuntime = {
  identifier: "nodejs24.x",
  version: "24.0.0",
  versionHash: "ab".repeat(32),
  program: { command: ["/var/lang/bin/node"], mounts: [] },
  environmentVariables: { LANG: "en_US.UTF-8", TZ: ":UTC" },
  managed: true,
};

export function functionVersion(changes: Partial<FunctionVersion> = {}): FunctionVersion {
  return {
    account: "000000000000",
    region: "us-east-1",
    functionName: "hello",
    version: "$LATEST",
    deploymentId: "deployment-1",
    runtime: "nodejs24.x",
    handler: "index.handler",
    roleArn: "arn:aws:iam::000000000000:role/r",
    timeoutSeconds: 3,
    memoryMb: 128,
    ephemeralStorageMb: 512,
    environmentVariables: {},
    codeHash: "00",
    unzippedBytes: 100,
    logging: { logFormat: "Text", logGroup: "/aws/lambda/hello" },
    state: "Active",
    tracingMode: "PassThrough",
    ...changes,
  };
}

/** A factory whose sandboxes wait in `sandboxes` for the test to play them, and the log lines they cause. */
export function scriptedFactory(clock: ManualClock, failToCreate?: () => Error | undefined) {
  const sandboxes: ScriptedSandbox[] = [];
  const lines: string[] = [];
  const streams: string[] = [];
  let ids = 0;
  const factory = new EnvironmentFactory({
    clock,
    codeStore: {
      layers: (names) =>
        Promise.resolve({
          directory: "/layers",
          extensions: names,
          launchErrors: Object.fromEntries(
            names.filter((name) => name === "denied").map((name) => [name, "permission denied"]),
          ),
        }),
      directory: async () => "/code",
    },
    runtimes: {
      find: (_, pin) => ({ ...scriptedRuntime, ...pin }),
      list: () => [scriptedRuntime],
      missingAdvice: () => "missing",
    },
    logs: {
      open: (stream) => {
        streams.push(stream.logStreamName);
        return { write: (_timestampMs, message) => lines.push(message) };
      },
    },
    sandboxes: {
      report: {
        driver: "process",
        isolates: false,
        summary: "",
        limits: { memory: false, cpu: false, processes: false },
        network: { policy: "host", summary: "this machine's" },
        advice: [],
      },
      create: async (request) => {
        const failure = failToCreate?.();
        if (failure !== undefined) throw failure;
        const sandbox = new ScriptedSandbox(request);
        sandboxes.push(sandbox);
        return sandbox;
      },
      close: async () => undefined,
    },
    fileSystems: {},
    newId: () => String(ids++).padStart(32, "0"),
    newUuid: randomUUID,
    issueCredentials: () => ({ accessKeyId: "ASIA", secretAccessKey: "s", sessionToken: "t" }),
    attachRuntimeApi: (sandbox, session, beside) => {
      Object.assign(sandbox, { session, beside });
    },
    attachAwsEndpoint: () => undefined,
  });
  return { factory, sandboxes, lines, streams };
}

/** Serves the Runtime API of a sandbox on loopback; resolves with its port. */
export async function serveRuntimeApi({ runtimeApi, session, beside }: ScriptedSandbox): Promise<number> {
  new RuntimeApi(new ManualClock()).attach(runtimeApi, session, beside);
  runtimeApi.listen(0, "127.0.0.1");
  await once(runtimeApi, "listening");
  runtimeApi.unref();
  return (runtimeApi.address() as AddressInfo).port;
}

/** Lets everything that was started come to rest. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}
