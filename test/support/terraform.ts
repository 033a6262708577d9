/** Terraform in a directory of its own, with the machine's provider plugins and a running Lambent as its AWS. */
import { execFile } from "node:child_process";
import { globSync } from "node:fs";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const PROGRAM = process.env["LAMBENT_TEST_TERRAFORM"] || "terraform";
const AWS_PROVIDER = "registry.terraform.io/hashicorp/aws";
const COMMAND_LIMIT_MS = 240_000;

/** Where Terraform itself looks for plugins, and where machines without access to its registry usually keep them. */
const PLUGIN_DIRECTORIES = [
  join(homedir(), ".terraform.d/plugins"),
  join(homedir(), ".local/share/terraform/plugins"),
  "/usr/local/share/terraform/plugins",
  "/usr/share/terraform/plugins",
  "/opt/*",
];

/** A directory of plugins with a version 5 of the AWS provider; undefined where there is none. */
function pluginDirectory(): string | undefined {
  const given = process.env["LAMBENT_TEST_TERRAFORM_MIRROR"];
  const [plugin] = globSync(
    (given ? [given] : PLUGIN_DIRECTORIES).map((directory) => `${directory}/${AWS_PROVIDER}/5.*`),
  );
  return plugin?.slice(0, plugin.indexOf(`/${AWS_PROVIDER}/`));
}

/** Whether there are Terraform and the AWS provider. */
export async function hasTerraform(): Promise<boolean> {
  const runs = await promisify(execFile)(PROGRAM, ["version"], { env: plainEnvironment() }).then(
    () => true,
    () => false,
  );
  return runs && pluginDirectory() !== undefined;
}

export const TERRAFORM_ADVICE =
  "install Terraform and put the AWS provider 5 into ~/.terraform.d/plugins, or name a mirror in LAMBENT_TEST_TERRAFORM_MIRROR";

/** The environment without what a user has set for Terraform or AWS. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TF_|AWS_)/.test(name)),
  ) as NodeJS.ProcessEnv;
}

export interface Terraform {
  readonly directory: string;
  /** Runs a command such as `apply`; rejects with what Terraform said when it fails. */
  readonly run: (command: string, ...parameters: readonly string[]) => Promise<string>;
  /** Changes of a plan as "action address", none when the configuration is what there is. */
  plannedChanges(...parameters: readonly string[]): Promise<string[]>;
  outputs(): Promise<Record<string, unknown>>;
  remove(): Promise<void>;
}

/** Copies the configuration into a directory of its own and initialises it. `environment` says which AWS. */
export async function openTerraform(
  configurationFile: string,
  environment: Readonly<Record<string, string>>,
): Promise<Terraform> {
  const directory = await mkdtemp(join(tmpdir(), "lambent-terraform-"));
  const mirror = pluginDirectory() ?? "";
  const settings = join(directory, "terraform.rc");
  await writeFile(
    settings,
    `disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror { path = ${JSON.stringify(mirror)} }\n}\n`,
  );
  await copyFile(configurationFile, join(directory, "main.tf"));
  const env = { ...plainEnvironment(), ...environment, TF_CLI_CONFIG_FILE: settings, TF_IN_AUTOMATION: "1" };
  const run: Terraform["run"] = async (command, ...parameters) => {
    // `state` takes a subcommand first, and `output` and `show` ask nothing.
    const flags = command === "state" ? [] : ["-no-color"];
    if (!/^(output|show|state)$/.test(command)) flags.push("-input=false");
    try {
      const { stdout } = await promisify(execFile)(PROGRAM, [command, ...flags, ...parameters], {
        env,
        cwd: directory,
        timeout: COMMAND_LIMIT_MS,
        maxBuffer: 64 * 1024 * 1024,
      });
      return stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout?: string; stderr?: string };
      throw new Error(`terraform ${command} failed:\n${(stdout ?? "").slice(-2_000)}\n${stderr}`, {
        cause: error,
      });
    }
  };
  await run("init");
  return {
    directory,
    run,
    async plannedChanges(...parameters) {
      await run("plan", "-out=plan", ...parameters);
      const plan = JSON.parse(await run("show", "-json", "plan")) as {
        readonly resource_changes?: readonly {
          readonly address: string;
          readonly change: { readonly actions: readonly string[] };
        }[];
      };
      return (plan.resource_changes ?? [])
        .map(({ address, change }) => `${change.actions.join(" and ")} ${address}`)
        .filter((line) => !/^(no-op|read) /.test(line));
    },
    async outputs() {
      const outputs = JSON.parse(await run("output", "-json")) as Record<string, { readonly value: unknown }>;
      return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, value]));
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
