/** What an event asks a function to do. */
export type Fault = "none" | "error" | "crash" | "timeout" | "memory" | "abandoned" | "extension";

/** The error types of AWS that may answer each of them; none for an answer without an error. */
export const EXPECTED_ERRORS: Readonly<Record<Fault, readonly string[]>> = {
  none: [],
  abandoned: [],
  error: ["Error", "RuntimeError"],
  crash: ["Runtime.ExitError"],
  extension: ["Extension.Crash"],
  timeout: ["Sandbox.Timedout"],
  // The kernel ends the process, or the interpreter gives up first; on a busy machine neither comes in time.
  memory: ["Runtime.OutOfMemory", "Runtime.ExitError", "MemoryError", "RangeError", "Sandbox.Timedout"],
};

/** Errors of functions that cannot be initialised. */
export const INIT_ERRORS = ["Error", "Runtime.ExitError", "RuntimeError"];

interface SoakFunction {
  readonly runtime: string;
  readonly handler: string;
  readonly files: Readonly<Record<string, string>>;
  /** Has the layer with the extension. */
  readonly isObserved?: boolean;
}

/** Subscribes to everything that its function tells, and dies when the function says so. */
export const EXTENSION = `#!/var/lang/bin/node
const http = require("node:http");
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const ask = (method, path, headers, body) => new Promise((resolve, reject) => {
  const request = http.request({ host, port, method, path, headers }, (response) => {
    let text = "";
    response.on("data", (chunk) => { text += chunk; }).on("end", () => resolve({ headers: response.headers, text }));
  });
  request.on("error", reject).end(body && JSON.stringify(body));
});
const server = http.createServer((request, response) => {
  if (request.url === "/die") process.exit(9);
  request.resume().on("end", () => response.end());
});
server.listen(4300, "127.0.0.1", async () => {
  const name = require("node:path").basename(__filename);
  const events = ["INVOKE", "SHUTDOWN"];
  const { headers } = await ask("POST", "/2020-01-01/extension/register", { "Lambda-Extension-Name": name }, { events });
  const identity = { "Lambda-Extension-Identifier": headers["lambda-extension-identifier"] };
  await ask("PUT", "/2022-07-01/telemetry", identity, {
    schemaVersion: "2022-12-13",
    types: ["platform", "function"],
    buffering: { timeoutMs: 25 },
    destination: { protocol: "HTTP", URI: "http://sandbox.localdomain:4300/" },
  });
  for (;;) {
    const { text } = await ask("GET", "/2020-01-01/extension/event/next", identity);
    if (JSON.parse(text).eventType === "SHUTDOWN") process.exit(0);
  }
});
`;

const NODE = `
const act = async ({ fault, n }) => {
  if (fault === "error") throw new Error("asked to fail");
  if (fault === "crash") process.exit(3);
  if (fault === "extension") require("node:http").get("http://127.0.0.1:4300/die").on("error", () => undefined);
  if (fault === "timeout" || fault === "extension") await new Promise((resolve) => setTimeout(resolve, 60_000));
  if (fault === "abandoned") await new Promise((resolve) => setTimeout(resolve, 100));
  if (fault === "memory") for (const kept = []; ; ) kept.push(Buffer.alloc(16 << 20, 1));
  require("node:fs").writeFileSync("/tmp/" + n % 8, "x".repeat(1_000));
  console.log("event", n);
  return n;
};
`;

const PYTHON = `
import os, time
def handler(event, context):
    fault, n = event["fault"], event["n"]
    if fault == "error": raise RuntimeError("asked to fail")
    if fault == "crash": os._exit(3)
    if fault == "timeout": time.sleep(60)
    if fault == "abandoned": time.sleep(0.1)
    if fault == "memory":
        kept = []
        while True: kept.append(bytearray(b"1") * (16 << 20))
    with open(f"/tmp/{n % 8}", "w") as file: file.write("x" * 1000)
    print("event", n)
    return n
`;

/** A custom runtime: asks for events over HTTP and answers them. */
const PROVIDED = `
const http = require("node:http");
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true });
const ask = (method, path, body) => new Promise((resolve, reject) => {
  const request = http.request({ host, port, agent, method, path: "/2018-06-01/runtime" + path }, (response) => {
    let text = "";
    response.on("data", (chunk) => { text += chunk; }).on("end", () => resolve({ headers: response.headers, text }));
  });
  request.on("error", reject).end(body);
});
(async () => {
  for (;;) {
    const { headers, text } = await ask("GET", "/invocation/next");
    const id = "/invocation/" + headers["lambda-runtime-aws-request-id"];
    try {
      await ask("POST", id + "/response", JSON.stringify(await act(JSON.parse(text))));
    } catch (error) {
      await ask("POST", id + "/error", JSON.stringify({ errorType: error.name, errorMessage: error.message }));
    }
  }
})();
`;

/** Functions that do what the event says, by language. */
export const LANGUAGES: Readonly<Record<string, SoakFunction>> = {
  node: {
    runtime: "nodejs24.x",
    handler: "index.handler",
    files: { "index.js": `${NODE}exports.handler = act;\n` },
  },
  observed: {
    runtime: "nodejs24.x",
    handler: "index.handler",
    files: { "index.js": `${NODE}exports.handler = act;\n// With an extension.\n` },
    isObserved: true,
  },
  python: { runtime: "python3", handler: "index.handler", files: { "index.py": PYTHON } },
  provided: {
    runtime: "provided.al2023",
    handler: "any",
    files: {
      "loop.js": NODE + PROVIDED,
      bootstrap: "#!/bin/sh\nexec /var/lambent/bin/node /var/task/loop.js\n",
    },
  },
};

/** Functions that never become ready, by language. */
export const BROKEN: Readonly<Record<string, SoakFunction>> = {
  "node-broken": {
    runtime: "nodejs24.x",
    handler: "index.handler",
    files: { "index.js": "throw new Error('cannot be loaded');" },
  },
  "python-broken": {
    runtime: "python3",
    handler: "index.handler",
    files: { "index.py": "raise RuntimeError('cannot be loaded')" },
  },
  "provided-broken": {
    runtime: "provided.al2023",
    handler: "any",
    files: { bootstrap: "#!/bin/sh\nexit 7\n" },
  },
};
