import { systemClock as clock } from "../adapters/clock-system/clock-system.ts";
import { writeRootCredentials } from "../adapters/root-credentials-file/root-credentials-file.ts";
import type { Configuration } from "../config.ts";
import { createFunctionService, type FunctionService } from "../functions/function-service.ts";
import type { ResourcePolicy } from "../iam/authorize.ts";
import { CallerIdentities } from "../iam/caller-identities.ts";
import { type Iam, openIam } from "../iam/iam.ts";
import { isAssumableByService } from "../iam/role-for-service.ts";
import { createSessionCredentials, type SessionCredentials } from "../iam/session-credentials.ts";
import { type CloudWatchLogs, openCloudWatchLogs } from "../logs/cloudwatch-logs.ts";
import { type CloudWatchMetrics, openCloudWatchMetrics } from "../metrics/cloudwatch-metrics.ts";
import { addLogMetric } from "../metrics/log-metrics.ts";
import type { CodeObjects } from "../ports/code-objects.ts";
import type { Ground } from "./ground.ts";
import type { Machine } from "./machine.ts";

const NOT_ISOLATED_NOTICE =
  "LAMBENT WARNING: this machine runs functions as plain processes, without isolation or limits.\n";

export interface Platform {
  readonly iam: Iam;
  readonly credentials: SessionCredentials;
  readonly callers: CallerIdentities;
  readonly logs: CloudWatchLogs;
  readonly cloudWatch: CloudWatchMetrics;
  readonly functions: FunctionService;
  readonly rootCredentialsFile: string | undefined;
  /** Where packages lie that a request names in S3, when there is an S3 here. */
  readonly embeddedCode: { source: CodeObjects | undefined };
}

/** What is kept in the store: identities, logs and functions. */
export async function openPlatform(
  ground: Ground,
  { sandboxes, codeStore, runtimes }: Machine,
): Promise<Platform> {
  const { configuration, store, opened, logger } = ground;
  const { keyValue } = store;
  const iam = await openIam({ keyValue, clock });
  opened.add(() => iam.close());
  const { directory } = iam;
  const { defaultAccount, defaultRegion } = configuration;
  const credentials = await createSessionCredentials({ keyValue, clock, directory, defaultAccount });
  const { authentication: mode } = configuration;
  const rootCredentialsFile = mode === "enforced" ? await provideRootKey(configuration, iam) : undefined;
  const cloudWatch = await openCloudWatchMetrics({ logs: store.logs, keyValue, clock });
  opened.add(() => cloudWatch.close());
  const logs = await openCloudWatchLogs({
    logs: store.logs,
    keyValue,
    clock,
    lost: (what) => logger.warn("log events reached no subscribed function", what),
    count: (point) => addLogMetric(cloudWatch, point),
    ...(!sandboxes.report.isolates && { firstLineOfGroup: NOT_ISOLATED_NOTICE }),
  });
  opened.add(() => logs.close());
  logs.ingestion.subscribe(({ stream, events }) => cloudWatch.embedded.take(stream, events));
  const functions = await createFunctionService({
    keyValue,
    codeStore,
    runtimes,
    clock,
    logger,
    random: Math.random,
    accountConcurrency: configuration.accountConcurrency,
    hostArchitecture: process.arch === "arm64" ? "arm64" : "x86_64",
    mayAssume: (arn) => mode === "open" || isAssumableByService(directory, arn, "lambda.amazonaws.com"),
  });
  opened.add(() => functions.close());
  ground.resourcePolicies.set("lambda", (arn) => functionPolicy(functions, arn));
  const embeddedCode = { source: undefined };
  const callers = new CallerIdentities({
    credentials,
    directory,
    clock,
    mode,
    defaultRegion,
    resourcePolicies: (service, arn) => ground.resourcePolicies.get(service)?.(arn),
    resourceTags: (service, arn) => (service === "lambda" ? functions.tags.find(arn) : undefined),
  });
  return {
    iam,
    credentials,
    callers,
    logs,
    cloudWatch,
    functions,
    rootCredentialsFile,
    embeddedCode,
  };
}

/** A function's policy as the evaluation of a request needs it; undefined for what is no function. */
function functionPolicy(functions: FunctionService, arn: string): ResourcePolicy | undefined {
  const account = /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:(\d{12}):function:/.exec(arn)?.[1];
  return account === undefined ? undefined : { account, document: functions.policies.documentOf(arn) };
}

/** Somebody must be able to sign the first request: the root user. Returns the file where its key can be read. */
async function provideRootKey(configuration: Configuration, iam: Iam): Promise<string | undefined> {
  const { dataDirectory, defaultAccount, defaultRegion, rootAccessKeyId, rootSecretAccessKey } =
    configuration;
  if (rootAccessKeyId !== "") {
    await iam.users.putRootAccessKey({
      account: defaultAccount,
      accessKeyId: rootAccessKeyId,
      secretAccessKey: rootSecretAccessKey,
    });
    return undefined;
  }
  const [existing] = iam.directory.accessKeysOf(defaultAccount, undefined);
  const key = existing ?? (await iam.users.createAccessKey(defaultAccount, undefined));
  return writeRootCredentials(dataDirectory, { ...key, region: defaultRegion });
}
