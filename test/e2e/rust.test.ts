/** A Rust function with AWS's own crate, built here, as the custom runtime that AWS has Rust functions be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InvokeWithResponseStreamCommand } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { buildRust } from "../support/rust.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const DEPENDENCIES = [
  'lambda_runtime = "1"',
  'serde_json = "1"',
  'tokio = { version = "1", features = ["macros", "rt", "time"] }',
];

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

test("a Rust function with lambda_runtime runs as provided.al2023", { timeout: 320_000 }, async (t) => {
  const bootstrap = await buildRust("rust", DEPENDENCIES, MAIN);
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
