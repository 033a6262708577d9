/** An extension with AWS's own crate for the Extensions and Telemetry APIs, built here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DeleteFunctionCommand } from "@aws-sdk/client-lambda";
import { deploy, invoke, lambdaClient, publishLayer } from "../support/deploy.ts";
import { untilLogged } from "../support/function-logs.ts";
import { buildRust } from "../support/rust.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";
import { zipOf } from "../support/zip.ts";

const DEPENDENCIES = ['lambda-extension = "1"', 'tokio = { version = "1", features = ["macros", "rt"] }'];

const MAIN = `use lambda_extension::{
    service_fn, Error, Extension, LambdaEvent, LambdaTelemetry, LambdaTelemetryRecord, NextEvent, SharedService,
};

async fn hear(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => println!("[observer] invoke {}", invoke.request_id),
        NextEvent::Shutdown(shutdown) => println!("[observer] shutdown {}", shutdown.shutdown_reason),
    }
    Ok(())
}

async fn observe(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for event in events {
        match event.record {
            LambdaTelemetryRecord::Function(line) => println!("[observer] function {}", line.trim()),
            LambdaTelemetryRecord::PlatformStart { request_id, .. } => println!("[observer] start {request_id}"),
            LambdaTelemetryRecord::PlatformRuntimeDone { request_id, status, .. } => {
                println!("[observer] done {request_id} {status:?}")
            }
            LambdaTelemetryRecord::PlatformReport { request_id, .. } => println!("[observer] report {request_id}"),
            _ => (),
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Extension::new()
        .with_events_processor(service_fn(hear))
        .with_telemetry_types(&["platform", "function"])
        .with_telemetry_processor(SharedService::new(service_fn(observe)))
        .run()
        .await
}
`;

test("an extension with lambda-extension hears of invocations, of telemetry and of the end", {
  timeout: 320_000,
}, async (t) => {
  const observer = await buildRust("rust-extension", DEPENDENCIES, MAIN);
  const reason = typeof observer === "string" ? observer : "";
  if (!skipUnless(t, reason === "", reason, "have Rust (apt-get install cargo) and its crates at hand"))
    return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  t.after(() => lambda.destroy());
  const zip = await zipOf({ "extensions/observer": observer }, { mode: 0o100755 });
  const layer = await publishLayer(lambda, "observer", zip);
  const handler =
    'exports.handler = async (event) => { process.stdout.write("colour " + event.colour + "\\n"); };';
  const FunctionName = "observed";
  await deploy(lambda, FunctionName, { "index.js": handler }, { Layers: [layer] });
  for (const colour of ["red", "blue"]) {
    const { functionError, body } = await invoke(lambda, FunctionName, { colour });
    assert.equal(functionError, undefined, JSON.stringify(body));
  }
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));

  const text = await untilLogged(
    lambent.endpoint,
    FunctionName,
    /\[observer\] shutdown spindown\n/i,
    /\[observer\] function colour blue\n/,
  );
  const requestIds = [...text.matchAll(/^START RequestId: (\S+)/gm)].map(([, id]) => id);
  assert.equal(requestIds.length, 2);
  for (const id of requestIds)
    for (const line of [`invoke ${id}`, `start ${id}`, `done ${id} Success`])
      assert.ok(text.includes(`[observer] ${line}\n`), `${line} in ${text}`);
  for (const colour of ["red", "blue"])
    assert.ok(text.includes(`[observer] function colour ${colour}\n`), text);
  assert.doesNotMatch(text, /^(Terminated|Killed)/m);
  assert.match(text, /EXTENSION\tName: observer\tState: Ready\tEvents: \[INVOKE, SHUTDOWN\]/);
});
