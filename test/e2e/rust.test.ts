/** A Rust function with AWS's own crate, built here, as the custom runtime that AWS has Rust functions be. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { InvokeWithResponseStreamCommand } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const BUILD_TIMEOUT_MS = 280_000;
/** Outside the checkout, so that the crates are compiled once on a machine. */
const PROJECT = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "lambent-tests", "rust");

const MANIFEST = `[package]
name = "bootstrap"
version = "0.1.0"
edition = "2021"

[dependencies]
lambda_runtime = "1"
serde_json = "1"
tokio = { version = "1", features = ["macros", "rt", "time"] }

[profile.release]
opt-level = 0
strip = true
`;

const MAIN = `use lambda_runtime::streaming::{channel, Body, Response};
use lambda_runtime::{run, service_fn, Error, LambdaEvent};
use serde_json::{json, Value};

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let n = event.payload["n"].as_i64().ok_or("n is missing")?;
    println!("rust got {n}");
    if n == 0 {
        panic!("zero");
    }
    let context = event.context;
    Ok(json!({ "twice": 2 * n, "arn": context.invoked_function_arn, "function": context.env_config.function_name }))
}

async fn streamed(event: LambdaEvent<Value>) -> Result<Response<Body>, Error> {
    let n = event.payload["n"].as_i64().ok_or("n is missing")?;
    let (mut sender, body) = channel();
    tokio::spawn(async move {
        for i in 0..n {
            sender.send_data(format!("part {i}\\n").into()).await.expect("somebody reads");
        }
    });
    Ok(Response::from(body))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::var("_HANDLER").as_deref() {
        Ok("streamed") => run(service_fn(streamed)).await,
        _ => run(service_fn(answer)).await,
    }
}
`;

/** The function's executable, or why there is none. */
async function buildFunction(): Promise<Buffer | string> {
  try {
    await mkdir(join(PROJECT, "src"), { recursive: true });
    await writeFile(join(PROJECT, "Cargo.toml"), MANIFEST);
    await writeFile(join(PROJECT, "src", "main.rs"), MAIN);
    const options = { cwd: PROJECT, timeout: BUILD_TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 };
    await promisify(execFile)("cargo", ["build", "--release", "--quiet"], options);
    return await readFile(join(PROJECT, "target", "release", "bootstrap"));
  } catch (error) {
    return `the function cannot be built: ${String(error).slice(-400)}`;
  }
}

test("a Rust function with lambda_runtime runs as provided.al2023", { timeout: 320_000 }, async (t) => {
  const bootstrap = await buildFunction();
  const reason = typeof bootstrap === "string" ? bootstrap : "";
  if (!skipUnless(t, reason === "", reason, "have Rust (apt-get install cargo) and its crates at hand"))
    return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  const settings = { Runtime: "provided.al2023", MemorySize: 128 } as const;
  await deploy(lambda, "rust", { bootstrap }, { ...settings, Handler: "answer" });
  const good = await invoke(lambda, "rust", { n: 21 });
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:rust";
  assert.deepEqual(good.body, { twice: 42, arn, function: "rust" }, good.log);
  assert.match(good.log, /rust got 21\n/);
  const refused = await invoke(lambda, "rust", {});
  assert.equal(refused.functionError, "Unhandled");
  assert.equal((refused.body as { errorMessage: string }).errorMessage, "n is missing");
  const panicked = await invoke(lambda, "rust", { n: 0 });
  assert.match((panicked.body as { errorMessage: string }).errorMessage, /zero/);
  assert.deepEqual((await invoke(lambda, "rust", { n: 1 })).functionError, undefined);

  await deploy(lambda, "stream", { bootstrap }, { ...settings, Handler: "streamed" });
  const { EventStream } = await lambda.send(
    new InvokeWithResponseStreamCommand({ FunctionName: "stream", Payload: Buffer.from('{"n":3}') }),
  );
  const parts: string[] = [];
  for await (const { PayloadChunk, InvokeComplete } of EventStream ?? []) {
    if (PayloadChunk?.Payload !== undefined) parts.push(Buffer.from(PayloadChunk.Payload).toString());
    assert.equal(InvokeComplete?.ErrorCode, undefined);
  }
  // The crate puts AWS's prelude for HTTP integrations before the body; a caller of the API sees it.
  const [prelude = "", body] = parts.join("").split("\0".repeat(8));
  assert.equal(JSON.parse(prelude).statusCode, 200);
  assert.equal(body, "part 0\npart 1\npart 2\n");
});
