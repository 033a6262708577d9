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
/** Runtimes whose programs are forked, a list for each language. */
const FORKED = {
  python: ["3.11", "3.12", "3.13", "3.14", "3.10", "3.9"].map((line) => `python${line}`),
  ruby: ["ruby3.2"],
  node: ["nodejs24.x", "nodejs22.x"],
} as const;
const EXTENSIONS = { python: "py", ruby: "rb", node: "cjs" } as const;
type Language = keyof typeof FORKED;
const LANGUAGES = Object.keys(FORKED) as Language[];
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

interface NodeFacts {
  readonly status: Record<string, string>;
  readonly threads: string[];
  readonly maps: string[];
}

interface Attempted {
  readonly isForked: boolean;
  readonly outcome: unknown;
  readonly random: unknown[];
}

let forking: RunningLambent;
let starting: RunningLambent;
let clients: { readonly forking: LambdaClient; readonly starting: LambdaClient };
let runtimes: string[] = [];
let deployed = 0;

/** Those of this machine that can be forked. */
async function runtimesOf({ endpoint, dataDirectory }: RunningLambent): Promise<string[]> {
  const health = (await (await fetch(`${endpoint}/health`)).json()) as {
    runtimes: string[];
    isolation: { isolates: boolean };
  };
  if (!health.isolation.isolates || process.getuid?.() !== 0) return [];
  const isCompiled = globSync(join(dataDirectory, "runtime-packs", "*", "zygote.node")).length > 0;
  return LANGUAGES.filter((language) => language !== "node" || isCompiled)
    .flatMap((language) => FORKED[language])
    .filter((each) => health.runtimes.includes(each));
}

before(async () => {
  [forking, starting] = await Promise.all([
    startLambent(),
    startLambent({ environment: { LAMBENT_RESERVE_MAX: "0" } }),
  ]);
  clients = { forking: lambdaClient(forking.endpoint), starting: lambdaClient(starting.endpoint) };
  runtimes = await runtimesOf(forking);
});
after(async () => {
  await Promise.all([forking?.stop(), starting?.stop()]);
});

const languageOf = (runtime: string): Language =>
  LANGUAGES.find((language) => runtime.startsWith(language)) ?? assert.fail(runtime);

/** The runtime of that language to try things with; undefined, with the test skipped, where there is none. */
function forked(t: TestContext, language: Language): string | undefined {
  const runtime = runtimes.find((each) => languageOf(each) === language);
  const canFork = skipUnless(
    t,
    runtime !== undefined,
    "nothing is forked here",
    `run it as root on Linux, with ${language}`,
  );
  return canFork ? runtime : undefined;
}

async function deployFixture(
  lambda: LambdaClient,
  fixture: "facts" | "attempts",
  runtime: string,
): Promise<string> {
  const name = `function-${++deployed}`;
  const language = languageOf(runtime);
  const source = await readFile(join(FIXTURES, `${language}-${fixture}.${EXTENSIONS[language]}`));
  const settings = { Runtime: runtime as "python3.12", MemorySize: MEMORY_MB, Timeout: 30 };
  await deploy(lambda, name, { [`index.${EXTENSIONS[language]}`]: source }, settings);
  return name;
}

/** Deploys and invokes until an environment was forked: the reserve fills in the background. */
async function untilForked<Body>(
  runtime: string,
  fixture: "facts" | "attempts",
  isForked: (body: Body) => boolean,
  lambda = clients.forking,
): Promise<{ name: string; body: Body }> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const name = await deployFixture(lambda, fixture, runtime);
    const { body, log } = await invoke(lambda, name);
    assert.ok(body !== null, log);
    if (isForked(body as Body)) return { name, body: body as Body };
    await delay(100);
  }
  return assert.fail("no environment was forked");
}

const forkedForFacts = (runtime: string): Promise<{ body: Facts }> =>
  untilForked<Facts>(runtime, "facts", ({ parent }) => parent[0] === 0);

function forkedForAttempts(
  runtime: string,
  lambda = clients.forking,
): Promise<{ name: string; body: Attempted }> {
  return untilForked<Attempted>(runtime, "attempts", (body) => body.isForked, lambda);
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
    .filter(({ group, command }) => group.startsWith("zygote-") && /\/bootstrap[.](py|rb|cjs)/.test(command))
    .map(({ id }) => id);

async function untilNoProcess(mark: string): Promise<void> {
  for (let poll = 0; poll < 100 && processesOf(mark).length > 0; poll++) await delay(50);
  assert.deepEqual(processesOf(mark), []);
}

/** What a started program's facts would be, had it been forked. */
function asForked(language: Language, { same, ...facts }: Facts, forkedFacts: Facts): Facts {
  if (language !== "node") return { same, ...facts };
  const { status, threads, maps } = same as unknown as NodeFacts;
  return {
    ...facts,
    // Its zygote has loaded more.
    modules: [...new Set([...facts.modules, ...forkedFacts.modules])].sort(),
    same: {
      ...same,
      // Below the sandbox's filter lies the one by which a zygote does without what cannot be copied.
      status: {
        ...status,
        Seccomp_filters: String(Number(status.Seccomp_filters) + 1),
        Threads: String(Number(status.Threads) - 1),
      },
      // Node's watchdog of SIGUSR1, which cannot be stopped.
      threads: threads.filter((thread) => !thread.startsWith("SignalInspector ")),
      maps: [...maps, "/var/runtime/zygote.node"].sort(),
    },
  };
}

function comparable({ same, modules, descriptors }: Facts): unknown {
  const variables = Object.entries(same.variables).filter(([name]) => !OWN.test(name));
  return {
    ...same,
    variables: variables.sort(([a], [b]) => (a < b ? -1 : 1)),
    modules,
    descriptors: Object.entries(descriptors)
      .map(([name, path]) => {
        const target = path.replace(/[0-9a-f]{12,}|\[\d+\]/g, "");
        // What the program opens itself comes behind the channel, where it has one; a started one may have none.
        // So does a library of which one is kept.
        const isOwn = Number(name) > 4 || /^(socket|anon_inode):|[.]so[.\d]*$/.test(target);
        return isOwn ? target : `${name} ${target}`;
      })
      .sort(),
  };
}

for (const language of LANGUAGES)
  describe(`a sandbox whose program was forked (${language})`, { concurrency: false }, () => {
    for (const runtime of FORKED[language])
      test(`is what one is whose program was started (${runtime})`, async (t) => {
        if (forked(t, language) === undefined) return;
        if (!runtimes.includes(runtime)) return t.diagnostic(`there is no ${runtime}`);
        const started = await deployFixture(clients.starting, "facts", runtime);
        const [{ body }, other] = await Promise.all([
          forkedForFacts(runtime),
          invoke(clients.starting, started),
        ]);
        const facts = other.body as Facts;
        assert.deepEqual(comparable(body), comparable(asForked(language, facts, body)));
        // What does differ.
        assert.deepEqual([body.parent[0], facts.parent[0]], [0, 1]);
        // The first sandboxes are bwrap's, until the helper has shown that it can build them.
        assert.match(body.first.join(" "), /^(init|\/usr\/bin\/cat) ?$/);
      });

    test("is in the namespaces of its first process, and in none of the host's", async (t) => {
      const runtime = forked(t, language);
      if (runtime === undefined) return;
      const { body } = await forkedForFacts(runtime);
      for (const name of NAMESPACES) {
        assert.equal(body.firstNamespaces[name], `'${body.namespaces[name]}'`, name);
        assert.notEqual(body.namespaces[name], readlinkSync(`/proc/self/ns/${name}`), name);
      }
      assert.deepEqual(body.same.processes, ["1", "2"]);
    });

    test("draws its own random numbers", async (t) => {
      const runtime = forked(t, language);
      if (runtime === undefined) return;
      const found = [];
      for (let count = 0; count < 3; count++) found.push((await forkedForAttempts(runtime)).body.random);
      for (const [index] of found[0]?.entries() ?? [])
        assert.equal(new Set(found.map((random) => random[index])).size, 3, `number ${index}`);
    });

    test("cannot have more processes than it may, and clears away orphans", async (t) => {
      const runtime = forked(t, language);
      if (runtime === undefined) return;
      const { name } = await forkedForAttempts(runtime);
      const { body, log, functionError } = await attempt(name, "fork bomb");
      assert.equal(functionError, undefined, `${JSON.stringify(body)} ${log}`);
      const { children, refused } = (body as Attempted).outcome as { children: number; refused: number };
      assert.equal(refused, 11, log);
      assert.ok(children > 1_000 && children < 1_024, `${children} children`);
      assert.deepEqual(((await attempt(name, "orphans")).body as Attempted).outcome, ["1", "2"]);
    });

    test("ends as a started one does: out of memory, by itself, by a signal", async (t) => {
      const runtime = forked(t, language);
      if (runtime === undefined) return;
      const started = await deployFixture(clients.starting, "attempts", runtime);
      for (const what of ["memory", "exit", "kill"]) {
        const { name } = await forkedForAttempts(runtime);
        const tried = await attempt(name, what);
        const other = await attempt(started, what, clients.starting);
        const text = ({ body }: Invocation): string => JSON.stringify(body).replace(/[0-9a-f-]{36}/g, "");
        assert.equal(tried.functionError, "Unhandled", what);
        assert.equal(text(tried), text(other), what);
        if (what === "memory") assert.match(tried.log, /Max Memory Used: 1024 MB/);
        // The environment is reset: its program is started in a sandbox that goes on with /tmp.
        assert.equal((await attempt(name, "look")).functionError, undefined);
      }
    });

    test("ends with its zygote, and another one comes", async (t) => {
      const runtime = forked(t, language);
      if (runtime === undefined) return;
      const { name } = await forkedForAttempts(runtime);
      const before = zygotesOf(forking);
      assert.ok(before.length > 0);
      for (const id of before) process.kill(id, "SIGKILL");
      // Its environment, and those that waited, may be found out to be dead only by this.
      let tried = await attempt(name, "look");
      for (let more = 0; tried.functionError !== undefined && more < 4; more++)
        tried = await attempt(name, "look");
      assert.equal(tried.functionError, undefined);
      const { body } = await forkedForAttempts(runtime);
      assert.ok(body.isForked);
      assert.ok(zygotesOf(forking).every((id) => !before.includes(id)));
    });
  });

test("with Lambent end its zygotes and what they have forked, however it ends", async (t) => {
  const found = LANGUAGES.map((language) => forked(t, language)).filter((each) => each !== undefined);
  for (const end of found.length > 0 ? (["stop", "kill"] as const) : []) {
    const lambent = await startLambent();
    const lambda = lambdaClient(lambent.endpoint);
    await Promise.all(found.map((runtime) => forkedForAttempts(runtime, lambda)));
    assert.ok(zygotesOf(lambent).length >= found.length);
    const mark = markOf(lambent);
    await lambent[end]();
    await untilNoProcess(mark);
  }
});
