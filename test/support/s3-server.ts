import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { S3Client } from "@aws-sdk/client-s3";
import { installMoto } from "./official-clients.ts";

const START_LIMIT_MS = 60_000;
export const S3_KEYS = { accessKeyId: "packages", secretAccessKey: "packages-secret" };

/** A real S3-compatible server, with buckets in memory. */
export interface S3Server {
  readonly endpoint: string;
  readonly client: S3Client;
  stop(): Promise<void>;
}

/** Starts moto's server on a free port; answers why where it cannot be had. */
export async function startS3Server(): Promise<
  S3Server | { readonly failure: string; readonly howTo: string }
> {
  const python = process.env["LAMBENT_TEST_PYTHON"] ?? "python3";
  const moto = await installMoto(python);
  if (moto.directory === undefined) return moto;
  const child = spawn(python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...(moto.directory !== "" && { PYTHONPATH: moto.directory }) },
  });
  const killAtExit = (): boolean => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  const endpoint = await endpointOf(child);
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: S3_KEYS,
    maxAttempts: 1,
  });
  return {
    endpoint,
    client,
    async stop() {
      client.destroy();
      process.off("exit", killAtExit);
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

function endpointOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(() => reject(new Error(`moto did not start:\n${said}`)), START_LIMIT_MS);
    child.once("exit", () => reject(new Error(`moto ended:\n${said}`)));
    // Read on to the end: a full pipe would stop the server.
    createInterface({ input: child.stderr as NonNullable<typeof child.stderr> }).on("line", (line) => {
      const endpoint = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (endpoint !== undefined) {
        clearTimeout(timer);
        resolve(endpoint);
      } else if (said.length < 10_000) said += `${line}\n`;
    });
  });
}
