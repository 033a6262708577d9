import { Command, CommanderError, Option } from "commander";
import { type Flags, lambentVersion } from "../config.ts";
import { health } from "./health.ts";
import { reportFailure } from "./report-failure.ts";
import { installRuntimes, listRuntimes } from "./runtime.ts";
import { start } from "./start.ts";

interface StartOptions {
  readonly port?: string;
  readonly host?: string;
  readonly dataDir?: string;
  readonly config?: string;
  readonly isolation?: string;
  readonly network?: string;
  readonly install: boolean;
  readonly logLevel?: string;
  readonly authentication?: string;
  readonly reserveMax?: string;
  readonly dataPlaneProcesses?: string;
}

/** A flag that was not used must stay absent, so that variables and the file get their turn. */
function usedFlags(options: StartOptions): Flags {
  const flags = {
    port: options.port,
    host: options.host,
    dataDirectory: options.dataDir,
    configurationFile: options.config,
    isolation: options.isolation,
    network: options.network,
    allowInstall: options.install ? undefined : false,
    logLevel: options.logLevel,
    authentication: options.authentication,
    reserveMax: options.reserveMax,
    dataPlaneProcesses: options.dataPlaneProcesses,
  };
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}

function commandLine(): Command {
  const program = new Command("lambent")
    .description("AWS Lambda on your own machines.")
    .version(lambentVersion(), "-v, --version")
    .exitOverride();
  program
    .command("start")
    .description("Start Lambent; its last start-up line is `ready http://HOST:PORT`. Ctrl-C stops it.")
    .option("--port <number>", "port of the AWS endpoint; 0 picks a free one (default: 4566)")
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .addOption(
      new Option(
        "--authentication <mode>",
        "open (no signatures, loopback alone) or enforced (IAM, as on AWS) (default: open)",
      ),
    )
    .option("--data-dir <directory>", "where functions, logs and settings are kept")
    .option("--config <file>", "configuration file (JSON)")
    .addOption(new Option("--isolation <kind>", "auto, bubblewrap or process (default: auto)"))
    .addOption(new Option("--network <policy>", "auto, none, internet or all (default: auto)"))
    .option(
      "--no-install",
      "never install missing programs (bubblewrap, nftables) with the machine's package manager",
    )
    .option("--reserve-max <number>", "most environments kept waiting for functions (default: 32)")
    .option(
      "--data-plane-processes <number>",
      "processes beside the main one that invoke functions, for machines with many cores (default: 0)",
    )
    .option("--log-level <level>", "debug, info, warn, error or silent (default: warn)")
    .action((options: StartOptions) => start(usedFlags(options)));
  program
    .command("health")
    .description("Ask a running Lambent how it is; exit code 1 when it is not well.")
    .option("--port <number>", "port of the AWS endpoint (default: 4566)")
    .option("--host <address>", "address of the AWS endpoint (default: 127.0.0.1)")
    .action((options: StartOptions) => health(usedFlags({ ...options, install: true })));
  const runtime = program.command("runtime").description("The language runtimes of this machine.");
  runtime
    .command("list")
    .description("Print every runtime and the versions of it that this machine has.")
    .action(listRuntimes);
  runtime
    .command("install")
    .description(
      "Install interpreters with the machine's own package managers; a running Lambent finds them.",
    )
    .argument("<identifiers...>", "such as nodejs22.x python3.13")
    .action(installRuntimes);
  program
    .command("version")
    .description("Print the version.")
    .action(() => console.log(lambentVersion()));
  return program;
}

try {
  await commandLine().parseAsync();
} catch (error) {
  // Commander has already printed its message; help and version come here with exit code 0.
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportFailure(error);
}
