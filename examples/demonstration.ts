/** What the demonstrations have in common: a Lambent to talk to, steps that are timed, and functions to deploy. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { zipOf } from "../test/support/deploy.ts";
import { startLambent } from "../test/support/start-lambent.ts";

const root = join(import.meta.dirname, "..");

/** The steps of one demonstration. */
export class Steps {
  #count = 0;
  #totalMs = 0;

  /** Does one step and prints how long it took and what came of it. */
  async step<T>(what: string, action: () => Promise<T>, outcomeOf: (value: T) => string): Promise<T> {
    const startedAtMs = performance.now();
    const value = await action();
    const durationMs = performance.now() - startedAtMs;
    this.#count++;
    this.#totalMs += durationMs;
    console.log(`${what.padEnd(46)} ${`${durationMs.toFixed(1)} ms`.padStart(11)}  ${outcomeOf(value)}`);
    return value;
  }

  get summary(): string {
    return `${this.#count} steps in ${(this.#totalMs / 1000).toFixed(2)} s`;
  }
}

/** The Lambent that answers at AWS_ENDPOINT_URL or at port 4566, or one for the time of the demonstration. */
export async function findOrStart(): Promise<{ endpoint: string; stop(): Promise<unknown> }> {
  const endpoint = process.env.AWS_ENDPOINT_URL ?? "http://127.0.0.1:4566";
  if (await answers(endpoint)) return { endpoint, stop: async () => undefined };
  const lambent = await startLambent();
  for (const line of lambent.banner) console.log(line);
  return lambent;
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    return (await fetch(`${endpoint}/health`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

/**
 * The deployment package of `examples/functions/NAME`: AWS's SDK is bundled into it, the given npm packages lie beside
 * it as they are.
 */
export async function functionPackage(name: string, packages: readonly string[] = []): Promise<Buffer> {
  const bundle = await build({
    entryPoints: [join(root, "examples", "functions", name, "index.mjs")],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node22",
    external: [...packages],
    // What the SDK still requires by the old way needs a way to do so.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
    minify: true,
    write: false,
  });
  return zipOf({
    "index.mjs": bundle.outputFiles[0]?.contents ?? "",
    ...Object.assign({}, ...packages.map(packageFiles)),
  });
}

/** The files of a package from node_modules and of everything it depends on, by their place in a deployment package. */
export function packageFiles(name: string): Record<string, Buffer> {
  const directory = join(root, "node_modules", name);
  const manifest = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
  };
  const own = globSync("**/*.{js,cjs,mjs,json}", { cwd: directory, exclude: ["node_modules", "test"] }).map(
    (file) => [`node_modules/${name}/${file}`, readFileSync(join(directory, file))] as const,
  );
  return Object.assign(
    Object.fromEntries(own),
    ...Object.keys(manifest.dependencies ?? {}).map(packageFiles),
  );
}

/** Asks until there is an answer. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  { limitMs = 30_000, everyMs = 20 } = {},
): Promise<T> {
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadlineMs) throw new Error(`${what} did not happen within ${limitMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
