/** A Go function with AWS's own library, built here, as the custom runtime that AWS has Go functions be. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { deploy, invoke, lambdaClient } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";

const AWS_LAMBDA_GO = "github.com/aws/aws-lambda-go@v1.49.0";
const BUILD_TIMEOUT_MS = 100_000;

const MAIN = `package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct{ N int }
type answer struct{ Twice int; Arn, Function string }
type refused struct{ n int }

func (r *refused) Error() string { return fmt.Sprintf("%d is refused", r.n) }

func handle(ctx context.Context, e event) (*answer, error) {
	fmt.Println("go got", e.N)
	if e.N < 0 {
		return nil, &refused{e.N}
	}
	if e.N == 0 {
		panic("zero")
	}
	lc, _ := lambdacontext.FromContext(ctx)
	return &answer{2 * e.N, lc.InvokedFunctionArn, lambdacontext.FunctionName}, nil
}

func main() { lambda.Start(handle) }
`;

/** The function's executable, or why there is none. */
async function buildFunction(directory: string): Promise<Buffer | string> {
  try {
    await writeFile(join(directory, "main.go"), MAIN);
    const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod", GOWORK: "off" };
    const options = { cwd: directory, env, timeout: BUILD_TIMEOUT_MS };
    await promisify(execFile)("go", ["mod", "init", "example"], options);
    await promisify(execFile)("go", ["get", AWS_LAMBDA_GO], options);
    await promisify(execFile)(
      "go",
      ["build", "-trimpath", "-ldflags=-s -w", "-o", "bootstrap", "."],
      options,
    );
    return await readFile(join(directory, "bootstrap"));
  } catch (error) {
    return `the function cannot be built: ${String(error).slice(-400)}`;
  }
}

test("a Go function with aws-lambda-go runs as provided.al2023", { timeout: 200_000 }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "lambent-go-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const bootstrap = await buildFunction(directory);
  const reason = typeof bootstrap === "string" ? bootstrap : "";
  if (
    !skipUnless(t, reason === "", reason, "have Go (apt-get install golang-go) and a Go module proxy at hand")
  )
    return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const lambda = lambdaClient(lambent.endpoint);
  await deploy(
    lambda,
    "go",
    { bootstrap },
    { Runtime: "provided.al2023", Handler: "bootstrap", MemorySize: 128 },
  );
  const good = await invoke(lambda, "go", { N: 21 });
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:go";
  assert.deepEqual(good.body, { Twice: 42, Arn: arn, Function: "go" }, good.log);
  assert.match(good.log, /go got 21\n/);
  const refused = await invoke(lambda, "go", { N: -1 });
  assert.equal(refused.functionError, "Unhandled");
  assert.deepEqual(refused.body, { errorMessage: "-1 is refused", errorType: "refused" });
  const panicked = await invoke(lambda, "go", { N: 0 });
  assert.equal((panicked.body as { errorMessage: string }).errorMessage, "zero");
  assert.deepEqual((await invoke(lambda, "go", { N: 1 })).functionError, undefined);
});
