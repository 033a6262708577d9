import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IsolationReport, Sandbox, SandboxDriver, SandboxRequest } from "../../ports/sandbox.ts";
import { ProcessRecords } from "./process-records.ts";
import { ProcessSandbox } from "./process-sandbox.ts";
import { SandboxPaths } from "./sandbox-paths.ts";

export interface ProcessDriverOptions {
  readonly dataDirectory: string;
  /** Why nothing is isolated, for the report. */
  readonly reason: string;
  /** What would change that, one line each. */
  readonly advice: readonly string[];
}

/** Runs functions as ordinary processes, where nothing better can be had. It isolates nothing, and its report says so. */
class ProcessDriver implements SandboxDriver {
  readonly report: IsolationReport;
  readonly #records: ProcessRecords;
  readonly #sandboxes = new Set<ProcessSandbox>();

  constructor(options: ProcessDriverOptions, records: ProcessRecords) {
    this.report = {
      driver: "process",
      isolates: false,
      summary: `none: functions run as ordinary processes of this user (${options.reason})`,
      limits: { memory: false, cpu: false, processes: false },
      network: { policy: "host", summary: "this machine's: functions connect to whatever this user can" },
      advice: options.advice,
    };
    this.#records = records;
  }

  async create(request: SandboxRequest): Promise<Sandbox> {
    if (request.fileSystems?.length) throw new Error("plain processes have no /mnt of their own");
    const [runtimeApi, awsEndpoint, temporaryDirectory] = await Promise.all([
      listenOnLoopback(),
      listenOnLoopback(),
      temporaryDirectoryFor(request),
    ]);
    const child = start(request, { runtimeApi, awsEndpoint, temporaryDirectory });
    try {
      await once(child, "spawn");
    } catch (error) {
      for (const server of [runtimeApi, awsEndpoint]) server.close();
      await rm(temporaryDirectory, { recursive: true, force: true });
      throw error;
    }
    const processId = child.pid;
    if (processId === undefined) throw new Error("a started process has no id");
    const sandbox = new ProcessSandbox({
      id: request.id,
      child: Object.assign(child, { pid: processId }),
      runtimeApi,
      awsEndpoint,
      temporaryDirectory,
      onStopped: () => this.#records.remove(processId),
      onDestroyed: async (directory) => {
        this.#sandboxes.delete(sandbox);
        if (directory !== undefined) await rm(directory, { recursive: true, force: true });
      },
    });
    this.#sandboxes.add(sandbox);
    // While the process is being recorded it runs already, and nobody has taken its listeners yet.
    const release = holdConnections([runtimeApi, awsEndpoint]);
    await this.#records.add(processId);
    // When every promise that waits for this sandbox has gone on.
    process.nextTick(release);
    return sandbox;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.destroy()));
  }
}

/** A new one, or that of an earlier sandbox of the same environment. */
async function temporaryDirectoryFor({ keepScratchOf }: SandboxRequest): Promise<string> {
  const kept =
    keepScratchOf instanceof ProcessSandbox ? await keepScratchOf.handOnTemporaryDirectory() : undefined;
  return kept ?? mkdtemp(join(tmpdir(), "lambent-"));
}

async function listenOnLoopback(): Promise<Server> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Keeps connections that come until the returned function announces them again, to whoever listens by then. */
function holdConnections(servers: readonly Server[]): () => void {
  const released = servers.map((server) => {
    const held: Socket[] = [];
    const hold = (connection: Socket): void => void held.push(connection);
    server.on("connection", hold);
    return () => {
      server.off("connection", hold);
      for (const connection of held) server.emit("connection", connection);
    };
  });
  return () => {
    for (const release of released) release();
  };
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a listener without a port");
  return `127.0.0.1:${address.port}`;
}

function start(
  request: SandboxRequest,
  parts: { readonly runtimeApi: Server; readonly awsEndpoint: Server; readonly temporaryDirectory: string },
): ChildProcess {
  const paths = new SandboxPaths(request);
  const [program = "", ...parameters] = request.program.command.map((part) => paths.translate(part));
  return spawn(program, parameters, {
    cwd: request.codeDirectory,
    // A process group of its own, by which all that it starts can be ended.
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ignore", "pipe"],
    env: {
      TMPDIR: parts.temporaryDirectory,
      AWS_ENDPOINT_URL: `http://${addressOf(parts.awsEndpoint)}`,
      ...paths.translateVariables(request.environmentVariables),
      AWS_LAMBDA_RUNTIME_API: addressOf(parts.runtimeApi),
      AWS_LAMBDA_METADATA_API: addressOf(parts.runtimeApi),
      _LAMBDA_TELEMETRY_LOG_FD: "4",
    },
  });
}

/** Opens the plain-process driver, and ends processes that an earlier run for the same data directory has left. */
export async function openProcessDriver(options: ProcessDriverOptions): Promise<SandboxDriver> {
  return new ProcessDriver(
    options,
    await ProcessRecords.open(join(options.dataDirectory, "sandbox-processes")),
  );
}
