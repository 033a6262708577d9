import { tmpdir } from "node:os";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

/** esbuild's output for a TypeScript or JavaScript source: "index.js", "index.js.map" … and their contents. */
export async function bundle(
  source: string,
  options: BuildOptions = {},
): Promise<Record<string, Uint8Array>> {
  const resolveDir = fileURLToPath(new URL(".", import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents: source, loader: "ts", resolveDir, sourcefile: "handler.ts" },
    bundle: true,
    platform: "node",
    write: false,
    outdir: tmpdir(),
    entryNames: "index",
    logLevel: "silent",
    ...options,
  });
  return Object.fromEntries(
    (outputFiles ?? []).map(({ path, contents }) => [relative(tmpdir(), path), contents]),
  );
}
