/** Powertools for AWS Lambda, installed from their registries, unmodified, as layers. */
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { buffer } from "node:stream/consumers";
import yazl from "yazl";
import { type Installed, installOnce, npmInstall, run } from "./official-clients.ts";

const FOR_NODE = ["event-handler", "jmespath", "logger", "metrics", "tracer"]
  .map((name) => `@aws-lambda-powertools/${name}@2.35.0`)
  .join(" ");
const FOR_PYTHON = "aws-lambda-powertools[tracer]==3.37.0";
/**
 * The descriptions of services make nine tenths of botocore, which the tracer's SDK brings; nobody calls a service.
 * Files of another interpreter's byte code are no use to anybody.
 */
const LEFT_OUT = /\/botocore\/data\/[^/]+\/|__pycache__/;

/** `directory` holds node_modules. */
export function installPowertoolsForNode(): Promise<Installed> {
  return installOnce("powertools-node-2.35.0", "have the npm registry at hand", (directory) =>
    npmInstall(directory, FOR_NODE, {}),
  );
}

/** `directory` holds the modules; `python` is the interpreter that is to run them. */
export function installPowertoolsForPython(python: string): Promise<Installed> {
  const label = `powertools-python-3.37.0-${python.replaceAll(/[^\w.]+/g, "-")}`;
  const howTo = `have pip for ${python} (apt-get install python3-pip), and PyPI at hand`;
  return installOnce(label, howTo, async (directory) => {
    const quiet = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location"];
    await run(python, ["-m", "pip", "install", ...quiet, "--target", directory, FOR_PYTHON]);
  });
}

/** A layer's zip with the directory's files below `prefix`. */
export async function layerOf(directory: string, prefix: string): Promise<Buffer> {
  const zip = new yazl.ZipFile();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = `${prefix}/${relative(directory, path)}`;
    if (entry.isFile() && !LEFT_OUT.test(name)) zip.addFile(path, name, { mode: 0o100644 });
  }
  zip.end();
  return buffer(zip.outputStream);
}
