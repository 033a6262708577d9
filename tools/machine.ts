/** What the test suites need of the machine: looked for first, installed where that may be done, always said. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { provideJava } from "./provided-java.ts";

const root = join(import.meta.dirname, "..");
/** Removed with node_modules, so that a fresh `npm ci` starts afresh. */
const PYTHON_DIRECTORY = join(root, "node_modules", ".cache", "lambent-test-python");
const INSTALL_TIMEOUT_MS = 300_000;

function works(command: string, ...parameters: string[]): boolean {
  return spawnSync(command, parameters, { stdio: "ignore", timeout: 30_000 }).status === 0;
}

function mayInstallPackages(): boolean {
  return process.getuid?.() === 0 && works("apt-get", "--version");
}

function install(command: string, ...parameters: string[]): boolean {
  console.log(`  running: ${[command, ...parameters].join(" ")}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const run = spawnSync(command, parameters, {
    env: environment,
    encoding: "utf8",
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (run.status !== 0)
    console.log(`  failed: ${(run.stderr || run.stdout || String(run.error)).trim().slice(-600)}`);
  return run.status === 0;
}

function installDebianPackages(...packages: string[]): boolean {
  if (!mayInstallPackages()) return false;
  const parameters = ["install", "--yes", "--no-install-recommends", ...packages];
  if (install("apt-get", ...parameters)) return true;
  return install("apt-get", "update") && install("apt-get", ...parameters);
}

function provideIsolation(): void {
  if (process.platform !== "linux") return;
  for (const [program, name] of Object.entries({ bwrap: "bubblewrap", nft: "nftables" })) {
    if (works(program, "--version")) continue;
    console.log(`${name} is missing; the isolation tests need it`);
    if (!installDebianPackages(name)) console.log(`  install it as root: apt-get install ${name}`);
  }
}

/** Version of an `aws` command, [0, 0] where there is none. */
function awsVersion(command: string): readonly [major: number, minor: number] {
  const { stdout } = spawnSync(command, ["--version"], { encoding: "utf8", timeout: 30_000 });
  const [, major = "0", minor = "0"] = /^aws-cli\/(\d+)\.(\d+)/.exec(stdout ?? "") ?? [];
  return [Number(major), Number(minor)];
}

/** Older ones ask AWS itself, whatever AWS_ENDPOINT_URL says. */
function honoursEndpointVariable([major, minor]: readonly [number, number]): boolean {
  return (major === 1 && minor >= 29) || (major === 2 && minor >= 13) || major > 2;
}

/** `aws logs tail` exists in version 2 only, which PyPI does not have. */
function provideAwsCliVersion2(): void {
  if ([awsVersion("aws"), awsVersion("/usr/bin/aws")].some(([major]) => major >= 2)) return;
  console.log("version 2 of the AWS CLI is missing; the test of `aws logs tail` needs it");
  if (!installDebianPackages("awscli")) console.log("  install it as root: apt-get install awscli");
}

/** A Python with boto3, and the `aws` command, from a virtual environment where the machine has none. */
function providePythonClients(): NodeJS.ProcessEnv {
  const hasBoto3 = works("python3", "-c", "import boto3");
  const hasAws = honoursEndpointVariable(awsVersion("aws"));
  if (hasBoto3 && hasAws) return { LAMBENT_TEST_PYTHON: "python3" };
  const python = join(PYTHON_DIRECTORY, "bin", "python3");
  if (!works(python, "-c", "import boto3, awscli")) {
    console.log(
      "boto3 or the AWS CLI is missing; installing them into a virtual environment below node_modules/.cache",
    );
    if (!works("python3", "-c", "import venv, ensurepip")) installDebianPackages("python3", "python3-venv");
    const made =
      install("python3", "-m", "venv", PYTHON_DIRECTORY) &&
      install(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "boto3", "awscli");
    if (!made) {
      console.log("  install Python 3 with its venv module: apt-get install python3 python3-venv");
      return {};
    }
  }
  // Only `aws` goes into PATH: the environment's own python3 must not look like one of the machine's runtimes.
  const commands = join(PYTHON_DIRECTORY, "commands");
  mkdirSync(commands, { recursive: true });
  if (!existsSync(join(commands, "aws")))
    symlinkSync(join(PYTHON_DIRECTORY, "bin", "aws"), join(commands, "aws"));
  return { LAMBENT_TEST_PYTHON: python, PATH: `${commands}${delimiter}${process.env.PATH}` };
}

/** Installs what is missing and may be installed; returns environment variables for the suites. */
export function prepareMachine(): NodeJS.ProcessEnv {
  provideIsolation();
  provideAwsCliVersion2();
  provideJava((command) => install("/bin/sh", "-c", command));
  return providePythonClients();
}

/** Whether the load generator wrk is here, after installing it where that may be done. */
export function provideWrk(): boolean {
  // wrk prints its usage and exits with 1 when asked for its version.
  const present = (): boolean => spawnSync("wrk", ["--version"], { stdio: "ignore" }).error === undefined;
  return present() || (installDebianPackages("wrk") && present());
}
