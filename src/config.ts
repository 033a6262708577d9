import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { FileSystemTable } from "./core/file-systems.ts";
import { OperatorError } from "./core/operator-error.ts";
import { EVENT_SERVICES, type ServiceEndpoints } from "./core/service-endpoints.ts";

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
  /** An idle execution environment is ended after this time, until it is known how long its function is usually idle. */
  readonly idleEnvironmentTimeoutMs: number;
  /** An idle execution environment is never kept for longer. */
  readonly idleEnvironmentTimeoutMaxMs: number;
  /** An execution environment is replaced after this time, between two invocations. */
  readonly maxEnvironmentLifeMs: number;
  /** Most execution environments at once, of all functions together. */
  readonly maxEnvironments: number;
  /** Most execution environments that wait, started, for a function that needs one; 0 keeps none. */
  readonly reserveMax: number;
  /** Concurrent executions of one account and region, as GetAccountSettings reports it. */
  readonly accountConcurrency: number;
  /** `open`: no signatures, for loopback alone. `enforced`: every request is signed and authorized, as on AWS. */
  readonly authentication: "open" | "enforced";
  /** The root user's access key of the default account in `enforced` mode; "" has one made at the first start. */
  readonly rootAccessKeyId: string;
  readonly rootSecretAccessKey: string;
  /** URL of the S3-compatible server that deployment packages may lie in; "" has packages in S3 refused. */
  readonly s3Endpoint: string;
  /** Keys for it; "" has them looked for as AWS's SDKs do. */
  readonly s3AccessKeyId: string;
  readonly s3SecretAccessKey: string;
  /** Services that bring events, which are embedded otherwise: the URL of a real one, or "off". */
  readonly endpoints: ServiceEndpoints;
  /** ARN of an EFS access point → absolute path of the directory that functions see in its place. */
  readonly fileSystems: FileSystemTable;
  /** Whether streamed responses are slowed down as AWS does: 2 MB a second after the first 6 MB. */
  readonly responseStreamPacing: boolean;
  /** Whether an older interpreter, marked as such, may serve a runtime that the machine has nothing newer for. */
  readonly allowOlderRuntimes: boolean;
  /** How often the machine is looked at for interpreters that were installed, updated or removed. */
  readonly runtimeCheckIntervalMs: number;
  /** Processes beside the main one that invoke functions; 0 has the main one do everything. Linux alone. */
  readonly dataPlaneProcesses: number;
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

/** JSON text as a variable gives it, an object as the file does. */
function parsedJson(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

const fileSystemTable = z.preprocess(
  parsedJson,
  z.record(
    z
      .string()
      .regex(
        /^arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z0-9-]+:\d{12}:access-point\/fsap-[a-f0-9]{17}$/,
        "expected the ARN of an EFS access point",
      ),
    z.string().regex(/^\//, "expected an absolute path"),
  ),
);

const endpointTable: z.ZodType<ServiceEndpoints> = z.preprocess(
  parsedJson,
  z.partialRecord(
    z.enum(EVENT_SERVICES),
    z.string().regex(/^(off|https?:\/\/\S+)$/, 'expected "off" or a URL such as http://127.0.0.1:9324'),
  ),
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
  idleEnvironmentTimeoutMaxMs: wholeNumber(1_000, 86_400_000),
  maxEnvironmentLifeMs: wholeNumber(10_000, 604_800_000),
  maxEnvironments: wholeNumber(1, 100_000),
  reserveMax: wholeNumber(0, 100_000),
  accountConcurrency: wholeNumber(1, 1_000_000),
  authentication: z.enum(["open", "enforced"]),
  rootAccessKeyId: z.string().regex(/^(\w{16,128})?$/, "expected 16 to 128 letters and digits"),
  rootSecretAccessKey: z.string().regex(/^(\S{16,128})?$/, "expected 16 to 128 characters"),
  s3Endpoint: z.string().regex(/^(https?:\/\/\S+)?$/, "expected a URL such as http://127.0.0.1:9000"),
  s3AccessKeyId: z.string(),
  s3SecretAccessKey: z.string(),
  endpoints: endpointTable,
  fileSystems: fileSystemTable,
  responseStreamPacing: yesOrNo,
  allowOlderRuntimes: yesOrNo,
  runtimeCheckIntervalMs: wholeNumber(1_000, 86_400_000),
  dataPlaneProcesses: wholeNumber(0, 64),
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
  idleEnvironmentTimeoutMaxMs: "LAMBENT_IDLE_ENVIRONMENT_TIMEOUT_MAX_MS",
  maxEnvironmentLifeMs: "LAMBENT_MAX_ENVIRONMENT_LIFE_MS",
  maxEnvironments: "LAMBENT_MAX_ENVIRONMENTS",
  reserveMax: "LAMBENT_RESERVE_MAX",
  accountConcurrency: "LAMBENT_ACCOUNT_CONCURRENCY",
  authentication: "LAMBENT_AUTHENTICATION",
  rootAccessKeyId: "LAMBENT_ROOT_ACCESS_KEY_ID",
  rootSecretAccessKey: "LAMBENT_ROOT_SECRET_ACCESS_KEY",
  s3Endpoint: "LAMBENT_S3_ENDPOINT",
  s3AccessKeyId: "LAMBENT_S3_ACCESS_KEY_ID",
  s3SecretAccessKey: "LAMBENT_S3_SECRET_ACCESS_KEY",
  endpoints: "LAMBENT_ENDPOINTS",
  fileSystems: "LAMBENT_FILE_SYSTEMS",
  responseStreamPacing: "LAMBENT_RESPONSE_STREAM_PACING",
  allowOlderRuntimes: "LAMBENT_ALLOW_OLDER_RUNTIMES",
  runtimeCheckIntervalMs: "LAMBENT_RUNTIME_CHECK_INTERVAL_MS",
  dataPlaneProcesses: "LAMBENT_DATA_PLANE_PROCESSES",
};

const FLAG_NAMES: Readonly<Partial<Record<SettingName, string>>> = {
  host: "--host",
  port: "--port",
  dataDirectory: "--data-dir",
  isolation: "--isolation",
  network: "--network",
  allowInstall: "--no-install",
  logLevel: "--log-level",
  authentication: "--authentication",
  reserveMax: "--reserve-max",
  dataPlaneProcesses: "--data-plane-processes",
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
    idleEnvironmentTimeoutMaxMs: 3_600_000,
    maxEnvironmentLifeMs: 14_400_000,
    maxEnvironments: 1_000,
    reserveMax: 32,
    accountConcurrency: 1_000,
    authentication: "open",
    rootAccessKeyId: "",
    rootSecretAccessKey: "",
    s3Endpoint: "",
    s3AccessKeyId: "",
    s3SecretAccessKey: "",
    endpoints: {},
    fileSystems: {},
    responseStreamPacing: false,
    allowOlderRuntimes: true,
    runtimeCheckIntervalMs: 60_000,
    dataPlaneProcesses: 0,
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
  refuseUnsafe(configuration, gathered.get("host")?.writtenAs ?? "host");
  return Object.freeze(configuration);
}

function refuseUnsafe(configuration: Configuration, hostWrittenAs: string): void {
  if ((configuration.s3AccessKeyId === "") !== (configuration.s3SecretAccessKey === ""))
    throw wrongSetting(
      "s3AccessKeyId and s3SecretAccessKey belong together, and one of them is missing",
      "Set LAMBENT_S3_ACCESS_KEY_ID and LAMBENT_S3_SECRET_ACCESS_KEY, or neither.",
    );
  refuseUnshareable(configuration);
  const { host, authentication, rootAccessKeyId, rootSecretAccessKey } = configuration;
  if (authentication === "open" && !isLoopback(host))
    throw wrongSetting(
      `${hostWrittenAs} ${host} can be reached from other machines, and without signatures anybody there could run code here`,
      "Add `--authentication enforced`, or use 127.0.0.1.",
    );
  const given = [rootAccessKeyId, rootSecretAccessKey].filter((text) => text !== "").length;
  if (given === 1)
    throw wrongSetting(
      "rootAccessKeyId and rootSecretAccessKey belong together, and one of them is missing",
      "Set LAMBENT_ROOT_ACCESS_KEY_ID and LAMBENT_ROOT_SECRET_ACCESS_KEY, or neither.",
    );
  if (given === 2 && authentication === "open")
    throw wrongSetting(
      "a root access key has no meaning while signatures are not required",
      "Add `--authentication enforced`, or leave the key out.",
    );
}

/** Every process needs room for an environment, and all of them the port. */
function refuseUnshareable({ dataPlaneProcesses, maxEnvironments }: Configuration): void {
  if (dataPlaneProcesses === 0) return;
  if (process.platform !== "linux")
    throw wrongSetting(
      "several data-plane processes share one port, which needs Linux",
      "Leave --data-plane-processes away.",
    );
  if (maxEnvironments <= dataPlaneProcesses)
    throw wrongSetting(
      `${dataPlaneProcesses} data-plane processes and the main one share ${maxEnvironments} environments, and each needs one`,
      "Raise LAMBENT_MAX_ENVIRONMENTS, or have fewer processes.",
    );
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
