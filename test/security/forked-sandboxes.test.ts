/** Sandboxes whose program was forked from a zygote, held against those whose program was started in them. */
import assert from "node:assert/strict";
import { globSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { LambdaClient } from "@aws-sdk/client-lambda";
import { instanceOf } from "../../bench/instance.ts";
import { deploy, type Invocation, invoke, lambdaClient } from "../support/deploy.ts";
import { skipUnless } from "../support/skip.ts";
import { type RunningLambent, startLambent } from "../support/start-lambent.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");
const FILES = ["python-facts.py", "python-attempts.py"] as const;
const LINES = ["3.11", "3.12", "3.13", "3.14", "3.10", "3.9"];
const NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "user", "uts"];
/** Different for each environment, or each invocation. */
const OWN =
  /^(AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|LAMBDA_LOG_STREAM_NAME|LAMBDA_METADATA_TOKEN|LAMBDA_FUNCTION_NAME|LAMBDA_LOG_GROUP_NAME)|_X_AMZN_TRACE_ID)$/;
/** Enough for a thousand processes. */
const MEMORY_MB = 1_024;
const ATTEMPTS_MAX = 20;

interface Facts {
  readonly same: Record<string, unknown> & { readonly variables: Record<string, string> };
  readonly modules: string[];
  readonly descriptors: Record<string, string>;
  readonly namespaces: Record<string, string>;
  readonly firstNamespaces: Record<string, string>;
  readonly parent: unknown[];
  readonly first: string[];
}

interface Attempted {
  readonly isForked: boolean;
  readonly outcome: unknown;
  readonly hash: number;
  readonly random: string;
}

let forking: RunningLambent;
let starting: RunningLambent;
let clients: { readonly forking: LambdaClient; readonly starting: LambdaClient };
let lines: string[] = [];
let deployed = 0;

async function linesOf({ endpoint }: RunningLambent): Promise<string[]> {
  const health = (await (await fetch(`${endpoint}/health`)).json()) as {
    runtimes: string[];
    isolation: { isolates: boolean };
  };
  if (!health.isolation.isolates || process.getuid?.() !== 0) return [];
  return LINES.filter((version) => health.runtimes.includes(`python${version}`));
}

before(async () => {
  [forking, starting] = await Promise.all([
    startLambent(),
    startLambent({ environment: { LAMBENT_RESERVE_MAX: "0" } }),
  ]);
  clients = { forking: lambdaClient(forking.endpoint), starting: lambdaClient(starting.endpoint) };
  lines = await linesOf(forking);
});
after(async () => {
  await Promise.all([forking?.stop(), starting?.stop()]);
});

function canFork(t: TestContext): boolean {
  return skipUnless(t, lines.length > 0, "nothing is forked here", "run it as root on Linux, with Python");
}

async function deployPython(
  lambda: LambdaClient,
  file: (typeof FILES)[number],
  line: string | undefined,
): Promise<string> {
  const name = `function-${++deployed}`;
  const source = await readFile(join(FIXTURES, file));
  const settings = { Runtime: `python${line}` as "python3.12", MemorySize: MEMORY_MB, Timeout: 30 };
  await deploy(lambda, name, { "index.py": source }, settings);
  return name;
}

/** Deploys and invokes until an environment was forked: the reserve fills in the background. */
async function untilForked<Body>(
  lambda: LambdaClient,
  file: (typeof FILES)[number],
  { line = lines[0], isForked }: { line?: string | undefined; isForked: (body: Body) => boolean },
): Promise<{ name: string; body: Body }> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const name = await deployPython(lambda, file, line);
    const { body, log } = await invoke(lambda, name);
    assert.ok(body !== null, log);
    if (isForked(body as Body)) return { name, body: body as Body };
    await delay(100);
  }
  return assert.fail("no environment was forked");
}

const hasForkedFacts = ({ parent }: Facts): boolean => parent[0] === 0;

function forkedForAttempts(lambda = clients.forking): Promise<{ name: string; body: Attempted }> {
  return untilForked<Attempted>(lambda, "python-attempts.py", { isForked: (body) => body.isForked });
}

function attempt(name: string, what: string, lambda = clients.forking): Promise<Invocation> {
  return invoke(lambda, name, { attempt: what });
}

/** In the names of the control groups of a Lambent's sandboxes and zygotes. */
const markOf = ({ dataDirectory }: RunningLambent): string =>
  `/lambent/${instanceOf(realpathSync(dataDirectory))}/`;

function processesOf(mark: string): { id: number; group: string; command: string }[] {
  return globSync("/proc/[0-9]*").flatMap((directory) => {
    try {
      const groups = readFileSync(join(directory, "cgroup"), "latin1");
      const at = groups.indexOf(mark);
      if (at < 0) return [];
      const group = groups.slice(at + mark.length).split("\n")[0] ?? "";
      const command = readFileSync(join(directory, "cmdline"), "latin1").replaceAll("\0", " ");
      return [{ id: Number(directory.slice("/proc/".length)), group, command }];
    } catch {
      return [];
    }
  });
}

const zygotesOf = (lambent: RunningLambent): number[] =>
  processesOf(markOf(lambent))
    .filter(({ group, command }) => group.startsWith("zygote-") && command.includes("bootstrap.py"))
    .map(({ id }) => id);

async function untilNoProcess(mark: string): Promise<void> {
  for (let poll = 0; poll < 100 && processesOf(mark).length > 0; poll++) await delay(50);
  assert.deepEqual(processesOf(mark), []);
}

function comparable({ same, modules, descriptors }: Facts): unknown {
  const variables = Object.entries(same.variables).filter(([name]) => !OWN.test(name));
  return {
    ...same,
    variables: variables.sort(([a], [b]) => (a < b ? -1 : 1)),
    modules,
    descriptors: Object.entries(descriptors).map(([name, path]) => [
      name,
      path.replace(/[0-9a-f]{12,}|\[\d+\]/g, ""),
    ]),
  };
}

describe("a sandbox whose program was forked", { concurrency: false }, () => {
  for (const line of LINES) {
    test(`is what one is whose program was started (Python ${line})`, async (t) => {
      if (!canFork(t)) return;
      if (!lines.includes(line)) return t.diagnostic(`there is no Python ${line}`);
      const started = await deployPython(clients.starting, "python-facts.py", line);
      const [{ body }, other] = await Promise.all([
        untilForked<Facts>(clients.forking, "python-facts.py", { line, isForked: hasForkedFacts }),
        invoke(clients.starting, started),
      ]);
      const facts = other.body as Facts;
      assert.deepEqual(comparable(body), comparable(facts));
      // What does differ.
      assert.deepEqual([body.parent[0], facts.parent[0]], [0, 1]);
      assert.deepEqual(body.first, ["/usr/bin/cat", ""]);
    });
  }

  test("is in the namespaces of its first process, and in none of the host's", async (t) => {
    if (!canFork(t)) return;
    const { body } = await untilForked<Facts>(clients.forking, "python-facts.py", {
      isForked: hasForkedFacts,
    });
    for (const name of NAMESPACES) {
      assert.equal(body.firstNamespaces[name], `'${body.namespaces[name]}'`, name);
      assert.notEqual(body.namespaces[name], readlinkSync(`/proc/self/ns/${name}`), name);
    }
    assert.deepEqual(body.same.processes, ["1", "2"]);
  });

  test("draws its own random numbers", async (t) => {
    if (!canFork(t)) return;
    const found = [await forkedForAttempts(), await forkedForAttempts(), await forkedForAttempts()];
    assert.equal(new Set(found.map(({ body }) => body.random)).size, 3);
  });

  test("cannot have more processes than it may, and clears away orphans", async (t) => {
    if (!canFork(t)) return;
    const { name } = await forkedForAttempts();
    const { body, log, functionError } = await attempt(name, "fork bomb");
    assert.equal(functionError, undefined, `${JSON.stringify(body)} ${log}`);
    const { children, refused } = (body as Attempted).outcome as { children: number; refused: number };
    assert.equal(refused, 11, log);
    assert.ok(children > 1_000 && children < 1_024, `${children} children`);
    assert.deepEqual(((await attempt(name, "orphans")).body as Attempted).outcome, ["1", "2"]);
  });

  test("ends as a started one does: out of memory, by itself, by a signal", async (t) => {
    if (!canFork(t)) return;
    const started = await deployPython(clients.starting, "python-attempts.py", lines[0]);
    for (const what of ["memory", "exit", "kill"]) {
      const { name } = await forkedForAttempts();
      const forked = await attempt(name, what);
      const other = await attempt(started, what, clients.starting);
      const text = ({ body }: Invocation): string => JSON.stringify(body).replace(/[0-9a-f-]{36}/g, "");
      assert.equal(forked.functionError, "Unhandled", what);
      assert.equal(text(forked), text(other), what);
      if (what === "memory") assert.match(forked.log, /Max Memory Used: 1024 MB/);
      // The environment is reset: its program is started in a sandbox that goes on with /tmp.
      assert.equal((await attempt(name, "look")).functionError, undefined);
    }
  });
});

test("a zygote that dies takes its children along, and another one comes", async (t) => {
  if (!canFork(t)) return;
  const { name } = await forkedForAttempts();
  const before = zygotesOf(forking);
  assert.ok(before.length > 0);
  for (const id of before) process.kill(id, "SIGKILL");
  // Its environment may be found out to be dead only by this.
  await attempt(name, "look");
  assert.equal((await attempt(name, "look")).functionError, undefined);
  const { body } = await forkedForAttempts();
  assert.ok(body.isForked);
  assert.ok(zygotesOf(forking).every((id) => !before.includes(id)));
});

test("with Lambent end its zygotes and what they have forked, however it ends", async (t) => {
  if (!canFork(t)) return;
  for (const end of ["stop", "kill"] as const) {
    const lambent = await startLambent();
    await forkedForAttempts(lambdaClient(lambent.endpoint));
    assert.ok(zygotesOf(lambent).length > 0);
    const mark = markOf(lambent);
    await lambent[end]();
    await untilNoProcess(mark);
  }
});
