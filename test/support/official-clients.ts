/** AWS's own runtime interface clients, installed from their registries, unmodified. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const AWS_LAMBDA_RIC = "aws-lambda-ric@4.0.2";
const AWSLAMBDARIC = "awslambdaric==4.2.2";
const MOTO = "moto[s3,server]==5.2.1";
const JAVA_RIC = ["aws-lambda-java-runtime-interface-client", "2.6.0"] as const;
/** AWS ships its runtime interface emulator in the SAM CLI; as a Go module it has no versions. */
const SAM_CLI = "aws-sam-cli==1.170.0";
const EMULATOR_ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = {
  x64: "x86_64",
  arm64: "arm64",
};
const NODE_22 = `node-${process.platform}-${process.arch}@22`;
const INSTALL_TIMEOUT_MS = 8 * 60_000;
const CACHE = join(import.meta.dirname, "../../node_modules/.cache/lambent");
/** aws-lambda-ric compiles a native addon, with libcurl, when it is installed. */
const BUILD_TOOLS = ["cmake", "g++", "make", "python3", "xz-utils"];

export type Installed =
  | { readonly directory: string; readonly failure?: undefined }
  | { readonly directory?: undefined; readonly failure: string; readonly howTo: string };

/** `directory` holds index.mjs, to be run as `node index.mjs` with _HANDLER and LAMBDA_TASK_ROOT. */
export async function installAwsLambdaRic(): Promise<Installed> {
  const howTo = `install ${BUILD_TOOLS.join(", ")} (as root on Debian the test does), and have the npm registry at hand`;
  const prefix = await installOnce(AWS_LAMBDA_RIC, howTo, async (directory) => {
    if (!(await works("cmake", "--version")) || !(await works("g++", "--version"))) await installBuildTools();
    // Node's headers, where the machine has them: node-gyp would download them otherwise.
    const headers = ["/usr", "/usr/local"].find((root) => existsSync(join(root, "include/node/node_api.h")));
    await npmInstall(directory, AWS_LAMBDA_RIC, headers === undefined ? {} : { npm_config_nodedir: headers });
  });
  return below(prefix, "node_modules/aws-lambda-ric");
}

/** `directory` goes into PYTHONPATH; run as `python -m awslambdaric <handler>` by the same interpreter. */
export async function installAwslambdaric(python: string): Promise<Installed> {
  const howTo = `have pip for ${python} (apt-get install python3-pip), and PyPI at hand`;
  const label = `${AWSLAMBDARIC}-${python.replaceAll(/[^\w.]+/g, "-")}`;
  return installOnce(label, howTo, async (directory) => {
    const quiet = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location"];
    await run(python, ["-m", "pip", "install", ...quiet, "--target", directory, AWSLAMBDARIC]);
  });
}

/** `directory` goes into PYTHONPATH ("" where the interpreter has moto itself); run as `python -m moto.server`. */
export async function installMoto(python: string): Promise<Installed> {
  if (await works(python, "-c", "import moto.server, flask")) return { directory: "" };
  return installOnce(
    "moto-5.2.1",
    `have pip for ${python} (apt-get install python3-pip), and PyPI at hand`,
    async (directory) => {
      const quiet = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location"];
      await run(python, ["-m", "pip", "install", ...quiet, "--target", directory, MOTO]);
    },
  );
}

/** `directory` holds AWS's runtime interface emulator as `aws-lambda-rie`. */
export async function installInterfaceEmulator(): Promise<Installed> {
  const howTo = "have pip for python3 (apt-get install python3-pip), and PyPI at hand";
  return installOnce(SAM_CLI.replace("==", "-"), howTo, async (directory) => {
    const architecture = EMULATOR_ARCHITECTURES[process.arch];
    if (architecture === undefined) throw new Error(`there is no emulator for ${process.arch}`);
    const packages = join(directory, "packages");
    const quiet = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location", "--no-deps"];
    await run("python3", ["-m", "pip", "install", ...quiet, "--target", packages, SAM_CLI]);
    const program = join(directory, "aws-lambda-rie");
    await rename(join(packages, `samcli/local/rapid/aws-lambda-rie-${architecture}`), program);
    await chmod(program, 0o755);
    await rm(packages, { recursive: true });
  });
}

/**
 * `directory` holds the jars of AWS's client for Java with all that it needs, among them aws-lambda-java-core, which
 * functions are compiled with.
 */
export async function installJavaRic(): Promise<Installed> {
  const howTo = "have Maven (apt-get install maven) and Maven Central at hand";
  return installOnce(JAVA_RIC.join("-"), howTo, async (directory) => {
    const [artifact, version] = JAVA_RIC;
    const client = `<groupId>com.amazonaws</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
    const project = `<modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version>`;
    const pom = join(directory, "pom.xml");
    await writeFile(
      pom,
      `<project>${project}<dependencies><dependency>${client}</dependency></dependencies></project>`,
    );
    const options = ["--quiet", "--batch-mode", "--file", pom, `-DoutputDirectory=${directory}`];
    await run("mvn", [...options, "dependency:copy-dependencies"]);
  });
}

/** `directory` holds a Node.js 22 as `node`, for machines without one. */
export async function installNode22(): Promise<Installed> {
  const prefix = await installOnce(NODE_22, "have the npm registry at hand", (directory) =>
    npmInstall(directory, NODE_22, {}),
  );
  return below(prefix, `node_modules/${NODE_22.slice(0, NODE_22.lastIndexOf("@"))}/bin`);
}

/** Installs into a directory of the cache, all or nothing; later calls find it there. */
export async function installOnce(
  label: string,
  howTo: string,
  install: (directory: string) => Promise<void>,
): Promise<Installed> {
  const directory = join(CACHE, label);
  if (existsSync(directory)) return { directory };
  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(`${directory}-unfinished-`);
  try {
    await install(unfinished);
    // Another test may have been quicker.
    await rename(unfinished, directory).catch((error) => {
      if (!existsSync(directory)) throw error;
    });
    return { directory };
  } catch (error) {
    return { failure: `${label} could not be installed: ${String(error).slice(-600)}`, howTo };
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

function below(installed: Installed, path: string): Installed {
  return installed.directory === undefined ? installed : { directory: join(installed.directory, path) };
}

/** Installs a package, or several separated by blanks, as `npm install` does. */
export async function npmInstall(
  directory: string,
  names: string,
  environment: Record<string, string>,
): Promise<void> {
  const flags = ["--prefix", directory, "--no-audit", "--no-fund", "--no-save", "--foreground-scripts"];
  await run("npm", ["install", ...flags, ...names.split(" ")], environment);
}

async function installBuildTools(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error(`${BUILD_TOOLS.join(", ")} are needed`);
  const packages = ["install", "--yes", "--no-install-recommends", ...BUILD_TOOLS];
  const environment = { DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", packages, environment).catch(async () => {
    await run("apt-get", ["update"], environment);
    await run("apt-get", packages, environment);
  });
}

/** Runs a package manager's client, with nothing of the npm that runs the tests. */
export async function run(
  file: string,
  args: string[],
  environment: Record<string, string> = {},
): Promise<string> {
  const env = { ...process.env, ...environment };
  // Variables of the npm that runs the tests would make an npm below it work on this repository.
  for (const name of Object.keys(env)) if (/^npm_(package|lifecycle)_/.test(name)) delete env[name];
  const { stdout } = await promisify(execFile)(file, args, {
    env,
    cwd: dirname(CACHE),
    timeout: INSTALL_TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

async function works(file: string, ...args: string[]): Promise<boolean> {
  return promisify(execFile)(file, args).then(
    () => true,
    () => false,
  );
}
