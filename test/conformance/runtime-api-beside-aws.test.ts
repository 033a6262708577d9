/** AWS's own Runtime and Extensions API, as its runtime interface emulator has them, asked what Lambent's is asked. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../bench/free-port.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { installInterfaceEmulator } from "../support/official-clients.ts";
import { isInstalled } from "../support/runtime-clients.ts";
import {
  functionVersion,
  type ScriptedSandbox,
  scriptedFactory,
  serveRuntimeApi,
  settle,
} from "../support/scripted-environments.ts";

const RUNTIME = "/2018-06-01/runtime";
const EXTENSION = "/2020-01-01/extension";
const UNKNOWN_ID = "11111111-1111-4111-8111-111111111111";
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
/** Headers that are a part of the answer. */
const TOLD = ["content-type", "allow", "x-content-type-options"];
/** Time for the emulator to begin its initialisation. */
const BEGUN_MS = 500;

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

interface Call {
  readonly label: string;
  readonly method: string;
  /** `ID` stands for the request's id. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Plays the runtime of one environment, whose first event it is to be given when it asks for it. */
class PlayedRuntime {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });
  requestId = "";
  /** Of the extension that registered last. */
  extensionId = "";

  constructor(port: number) {
    this.#port = port;
  }

  ask({ method, path, body, headers = {} }: Omit<Call, "label">): Promise<Answer> {
    const options = { host: "127.0.0.1", port: this.#port, agent: this.#agent };
    const sent = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace("OWN", this.extensionId)]),
    );
    return new Promise((resolve, reject) => {
      const out = request(
        { ...options, method, path: path.replace("ID", this.requestId), headers: sent },
        async (response) => {
          let text = "";
          for await (const part of response.setEncoding("utf8")) text += part;
          const registered = response.headers["lambda-extension-identifier"];
          if (typeof registered === "string") this.extensionId = registered;
          const told = TOLD.flatMap((name) =>
            response.headers[name] === undefined ? [] : [[name, response.headers[name]]],
          );
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(told),
            body: text.replaceAll(ID, (id) => (id === UNKNOWN_ID ? id : "ID")),
          });
          const requestId = response.headers["lambda-runtime-aws-request-id"];
          if (typeof requestId === "string") this.requestId = requestId;
        },
      );
      out.on("error", reject);
      out.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

const register = (label: string, name: string, body: string): Call => ({
  label,
  method: "POST",
  path: `${EXTENSION}/register`,
  body,
  headers: { "Lambda-Extension-Name": name },
});
const get = (label: string, path: string): Call => ({ label, method: "GET", path });
const post = (label: string, path: string, headers: Record<string, string> = {}): Call => ({
  label,
  method: "POST",
  path,
  body: "{}",
  headers,
});

const BEFORE: readonly Call[] = [
  get("ping", "/2018-06-01/ping"),
  get("the root", "/"),
  get("an unknown path", "/2018-06-01/foo"),
  get("an unknown version", "/2017-06-01/runtime/invocation/next"),
  get("a path below a known one", `${RUNTIME}/invocation/x/response/y`),
  post("next by POST", `${RUNTIME}/invocation/next`),
  get("a response by GET", `${RUNTIME}/invocation/x/response`),
  get("an error of the initialisation by GET", `${RUNTIME}/init/error`),
  get("a registration by GET", `${EXTENSION}/register`),
  post("an extension's next by POST", `${EXTENSION}/event/next`),
  get("an unknown path of extensions", `${EXTENSION}/foo`),
  post("a response without an event", `${RUNTIME}/invocation/x/response`),
  post("an error without an event", `${RUNTIME}/invocation/x/error`),
  post("a registration without a name", `${EXTENSION}/register`),
  register("a registration without a body", "one", ""),
  register("a registration that breaks off", "one", "{"),
  register("an unknown event", "one", '{"events":["FOO"]}'),
  register("an internal extension's shutdown", "one", '{"events":["SHUTDOWN"]}'),
  register("configuration keys", "one", '{"events":["INVOKE"],"configurationKeys":["x"]}'),
  register("a registration", "one", '{"events":[]}'),
  register("the same once more", "one", '{"events":[]}'),
  get("an extension without an id", `${EXTENSION}/event/next`),
  {
    ...get("an extension with an id that is none", `${EXTENSION}/event/next`),
    headers: { "Lambda-Extension-Identifier": "x" },
  },
  {
    ...get("an extension with an unknown id", `${EXTENSION}/event/next`),
    headers: { "Lambda-Extension-Identifier": UNKNOWN_ID },
  },
  post("a failure without an id", `${EXTENSION}/exit/error`),
  post("a failure without a type", `${EXTENSION}/init/error`, { "Lambda-Extension-Identifier": "OWN" }),
];

const DURING: readonly Call[] = [
  get("the same event again", `${RUNTIME}/invocation/next`),
  register("a late registration", "late", '{"events":[]}'),
  post("a response to another request", `${RUNTIME}/invocation/x/response`),
  post("an error of another request", `${RUNTIME}/invocation/x/error`),
  post("a late error of the initialisation", `${RUNTIME}/init/error`),
  get("the response by GET", `${RUNTIME}/invocation/ID/response`),
  post("the response", `${RUNTIME}/invocation/ID/response`),
  post("a second response", `${RUNTIME}/invocation/ID/response`),
  post("an error after the response", `${RUNTIME}/invocation/ID/error`),
];

/** `invoke` has an event come. */
async function play(port: number): Promise<Record<string, Answer>> {
  const runtime = new PlayedRuntime(port);
  const answers: Record<string, Answer> = {};
  const askAll = async (calls: readonly Call[]): Promise<void> => {
    for (const { label, ...call } of calls) answers[label] = await runtime.ask(call);
  };
  await askAll(BEFORE);
  // The extension waits, without which the initialisation would not be over.
  const waiting = runtime
    .ask({ ...get("", `${EXTENSION}/event/next`), headers: { "Lambda-Extension-Identifier": "OWN" } })
    .catch(() => undefined);
  await askAll([get("the event", `${RUNTIME}/invocation/next`), ...DURING]);
  runtime.close();
  await waiting;
  return answers;
}

async function ofAws(program: string): Promise<Record<string, Answer>> {
  const [front, inside] = [await freePort(), await freePort()];
  const addresses = [
    `--runtime-interface-emulator-address=127.0.0.1:${front}`,
    `--runtime-api-address=127.0.0.1:${inside}`,
  ];
  const env = { AWS_LAMBDA_FUNCTION_NAME: "hello", _HANDLER: "index.handler", PATH: process.env.PATH };
  // Its runtime does nothing: we are it.
  const emulator = spawn(program, ["--log-level", "error", ...addresses, "/bin/sleep", "60"], {
    env,
    stdio: "ignore",
    detached: true,
  });
  after(() => stop(emulator));
  await untilServed(`http://127.0.0.1:${inside}/2018-06-01/ping`);
  void fetch(`http://127.0.0.1:${front}/2015-03-31/functions/function/invocations`, {
    method: "POST",
    body: "{}",
  }).catch(() => undefined);
  await delay(BEGUN_MS);
  return play(inside);
}

async function untilServed(url: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (
      await fetch(url).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await delay(100);
  }
  assert.fail("the emulator does not serve");
}

async function stop(emulator: ChildProcess): Promise<void> {
  if (emulator.pid === undefined || emulator.exitCode !== null) return;
  const ended = once(emulator, "exit");
  process.kill(-emulator.pid, "SIGKILL");
  await ended;
}

async function ofLambent(): Promise<Record<string, Answer>> {
  const version = functionVersion({ handler: "index.handler" });
  const scripted = scriptedFactory(new ManualClock());
  const { environment } = scripted.factory.make(version);
  void environment.start(10_000, () => assert.fail("no time-out in this test"));
  await settle();
  const played = play(await serveRuntimeApi(scripted.sandboxes[0] as ScriptedSandbox));
  while (environment.state !== "idle") await delay(1);
  environment.invoke(
    {
      version,
      requestId: "22222222-2222-4222-8222-222222222222",
      invokedFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:hello",
      payload: Buffer.from("{}"),
      clientContext: undefined,
      traceHeader: undefined,
      wantsLogTail: false,
    },
    () => undefined,
  );
  return played;
}

test("Lambent's answers are AWS's", { timeout: 60_000 }, async (t) => {
  const installed = await installInterfaceEmulator();
  if (!isInstalled(t, installed)) return;
  const aws = await ofAws(join(installed.directory ?? "", "aws-lambda-rie"));
  const ours = await ofLambent();
  assert.deepEqual(ours, aws);
});
