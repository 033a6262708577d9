import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { OperatorError } from "./core/operator-error.ts";

/** Every setting of one running Lambent. Nothing else reads flags, environment variables or the configuration file. */
export interface Configuration {
  /** A loopback address. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly isolation: "auto" | "bubblewrap" | "process";
  /** Where functions may connect to; `auto` is `internet` where that can be done, and `none` elsewhere. */
  readonly network: "auto" | "none" | "internet" | "all";
  /** Whether missing programs (bubblewrap, nftables) may be installed with the machine's package manager. */
  readonly allowInstall: boolean;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
  /** Region of requests that name none. */
  readonly defaultRegion: string;
  /** Account of requests whose access key names none. */
  readonly defaultAccount: string;
  /** An idle execution environment is ended after this time. */
  readonly idleEnvironmentTimeoutMs: number;
  /** Most execution environments at once, of all functions together. */
  readonly maxEnvironments: number;
  /** Most execution environments that wait, started, for a function that needs one; 0 keeps none. */
  readonly reserveMax: number;
  /** Concurrent executions of one account and region, as GetAccountSettings reports it. */
  readonly accountConcurrency: number;
  /** Whether streamed responses are slowed down as AWS does: 2 MB a second after the first 6 MB. */
  readonly responseStreamPacing: boolean;
}

/** What the command line gives: setting name → text, `undefined` where a flag was not used. */
export type Flags = Readonly<Partial<Record<keyof Configuration | "configurationFile", string | boolean>>>;

export interface ConfigurationSources {
  readonly flags: Flags;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_PORT = 4566;
const PREFIX = "LAMBENT_";
/** Read by the test runner and the tests, not by Lambent. */
const NOT_SETTINGS = /^LAMBENT_(NO_SKIP$|TEST_)/;

/** Digits as flags and variables give them, a number as the file does; nothing else ("" and true would become 0 and 1). */
function wholeNumber(minimum: number, maximum: number): z.ZodType<number> {
  return z.preprocess(
    (value) => (typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value),
    z.number().int().min(minimum).max(maximum),
  );
}

const yesOrNo = z.preprocess(
  (value) => (value === "true" ? true : value === "false" ? false : value),
  z.boolean(),
);

const schema = z.strictObject({
  host: z.string().min(1),
  port: wholeNumber(0, 65_535),
  dataDirectory: z.string().min(1),
  isolation: z.enum(["auto", "bubblewrap", "process"]),
  network: z.enum(["auto", "none", "internet", "all"]),
  allowInstall: yesOrNo,
  logLevel: z.enum(["debug", "info", "warn", "error", "silent"]),
  defaultRegion: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "expected a region name such as us-east-1"),
  defaultAccount: z.string().regex(/^\d{12}$/, "expected 12 digits"),
  idleEnvironmentTimeoutMs: wholeNumber(1_000, 86_400_000),
  maxEnvironments: wholeNumber(1, 100_000),
  reserveMax: wholeNumber(0, 100_000),
  accountConcurrency: wholeNumber(1, 1_000_000),
  responseStreamPacing: yesOrNo,
});

type SettingName = keyof typeof schema.shape;

const VARIABLES: Readonly<Record<SettingName, string>> = {
  host: "LAMBENT_HOST",
  port: "LAMBENT_PORT",
  dataDirectory: "LAMBENT_DATA_DIR",
  isolation: "LAMBENT_ISOLATION",
  network: "LAMBENT_NETWORK",
  allowInstall: "LAMBENT_ALLOW_INSTALL",
  logLevel: "LAMBENT_LOG_LEVEL",
  defaultRegion: "LAMBENT_DEFAULT_REGION",
  defaultAccount: "LAMBENT_DEFAULT_ACCOUNT",
  idleEnvironmentTimeoutMs: "LAMBENT_IDLE_ENVIRONMENT_TIMEOUT_MS",
  maxEnvironments: "LAMBENT_MAX_ENVIRONMENTS",
  reserveMax: "LAMBENT_RESERVE_MAX",
  accountConcurrency: "LAMBENT_ACCOUNT_CONCURRENCY",
  responseStreamPacing: "LAMBENT_RESPONSE_STREAM_PACING",
};

const FLAG_NAMES: Readonly<Partial<Record<SettingName, string>>> = {
  host: "--host",
  port: "--port",
  dataDirectory: "--data-dir",
  isolation: "--isolation",
  network: "--network",
  allowInstall: "--no-install",
  logLevel: "--log-level",
  reserveMax: "--reserve-max",
};

function wrongSetting(message: string, advice: string): OperatorError {
  return new OperatorError(message, advice, 2);
}

/**
 * Where the data of this user is kept: `.lambent` inside a clone, so that it goes away with the clone; otherwise the
 * place the system has for it.
 */
function defaultDataDirectory(environment: ConfigurationSources["environment"]): string {
  const ownFile = fileURLToPath(import.meta.url);
  if (ownFile.endsWith(".ts")) return join(dirname(dirname(ownFile)), ".lambent");
  if (process.getuid?.() === 0) return "/var/lib/lambent";
  return join(environment.XDG_DATA_HOME || join(homedir(), ".local", "share"), "lambent");
}

function readFileSettings(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw wrongSetting(
      `configuration file ${path} cannot be read (${code})`,
      "Check the path given to --config.",
    );
  }
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch (error) {
    throw wrongSetting(
      `configuration file ${path} is not JSON: ${(error as Error).message}`,
      "Mend the file.",
    );
  }
  if (typeof settings !== "object" || settings === null || Array.isArray(settings))
    throw wrongSetting(
      `configuration file ${path} is not a JSON object`,
      'Write one such as {"port": 4566}.',
    );
  const names = Object.keys(schema.shape);
  const unknown = Object.keys(settings).filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw wrongSetting(
      `configuration file ${path} has unknown ${unknown.length === 1 ? "setting" : "settings"} ${unknown.join(", ")}`,
      `Settings are ${names.join(", ")}.`,
    );
  return settings as Record<string, unknown>;
}

function refuseUnknownVariables(environment: ConfigurationSources["environment"]): void {
  const known = new Set([...Object.values(VARIABLES), `${PREFIX}CONFIG`]);
  const unknown = Object.keys(environment).filter(
    (name) => name.startsWith(PREFIX) && !known.has(name) && !NOT_SETTINGS.test(name),
  );
  if (unknown.length > 0)
    throw wrongSetting(
      `unknown environment ${unknown.length === 1 ? "variable" : "variables"} ${unknown.join(", ")}`,
      `Lambent reads ${[...known].join(", ")}.`,
    );
}

/** `whatever` as it is named where the operator wrote it, for error messages. */
interface Setting {
  readonly value: unknown;
  readonly writtenAs: string;
}

function gather(sources: ConfigurationSources): Map<SettingName, Setting> {
  const { flags, environment } = sources;
  const gathered = new Map<SettingName, Setting>();
  const file = flags.configurationFile ?? environment[`${PREFIX}CONFIG`];
  const fileSettings = typeof file === "string" ? readFileSettings(resolve(file)) : {};
  for (const name of Object.keys(schema.shape) as SettingName[]) {
    const variable = VARIABLES[name];
    const flag = flags[name];
    if (flag !== undefined) gathered.set(name, { value: flag, writtenAs: FLAG_NAMES[name] ?? name });
    else if (environment[variable] !== undefined)
      gathered.set(name, { value: environment[variable], writtenAs: variable });
    else if (fileSettings[name] !== undefined)
      gathered.set(name, { value: fileSettings[name], writtenAs: `${name} in ${file}` });
  }
  return gathered;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Merges flags, environment variables, the configuration file and defaults, in this order of precedence, into one
 * frozen object. Throws `OperatorError` with exit code 2 that names the wrong setting as the operator wrote it.
 */
export function readConfiguration(sources: ConfigurationSources): Configuration {
  refuseUnknownVariables(sources.environment);
  const defaults: Configuration = {
    host: "127.0.0.1",
    port: DEFAULT_PORT,
    dataDirectory: defaultDataDirectory(sources.environment),
    isolation: "auto",
    network: "auto",
    allowInstall: true,
    logLevel: "warn",
    defaultRegion: "us-east-1",
    defaultAccount: "000000000000",
    idleEnvironmentTimeoutMs: 300_000,
    maxEnvironments: 1_000,
    reserveMax: 32,
    accountConcurrency: 1_000,
    responseStreamPacing: false,
  };
  const gathered = gather(sources);
  const given = Object.fromEntries([...gathered].map(([name, setting]) => [name, setting.value]));
  const parsed = schema.safeParse({ ...defaults, ...given });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = issue?.path[0] as SettingName;
    const setting = gathered.get(name);
    throw wrongSetting(
      `${setting?.writtenAs ?? name} ${JSON.stringify(setting?.value)}: ${issue?.message}`,
      "See `lambent start --help`.",
    );
  }
  const configuration = { ...parsed.data, dataDirectory: resolve(parsed.data.dataDirectory) };
  if (!isLoopback(configuration.host))
    throw wrongSetting(
      `${gathered.get("host")?.writtenAs ?? "host"} ${configuration.host} can be reached from other machines, and this version ` +
        "of Lambent does not verify request signatures: anybody there could run code here",
      "Use 127.0.0.1, and reach it from elsewhere through `ssh -L 4566:127.0.0.1:4566`.",
    );
  return Object.freeze(configuration);
}

/** The configuration of this process: its environment variables under the flags of its command line. */
export function configurationOfThisProcess(flags: Flags): Configuration {
  return readConfiguration({ flags, environment: process.env });
}

/** Lambent's version, from its package manifest, which stands beside `src` and `dist` alike. */
export function lambentVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}
