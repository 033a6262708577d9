import { recordId } from "../event-delivery/stored-records.ts";

export interface Owner {
  readonly account: string;
  readonly region: string;
}

export type Tags = Readonly<Record<string, string>>;

export interface StoredBus extends Owner {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON text of the resource policy. */
  readonly policy?: string | undefined;
  /** undefined: the default bus, which was always there. */
  readonly createdAtMs?: number | undefined;
  readonly modifiedAtMs?: number | undefined;
  readonly tags: Tags;
}

/** A target as PutTargets takes it, in AWS's words; checked when it was put. */
export interface RuleTarget {
  readonly Id: string;
  readonly Arn: string;
  readonly RoleArn?: string | undefined;
  readonly Input?: string | undefined;
  readonly InputPath?: string | undefined;
  readonly InputTransformer?: InputTransformer | undefined;
  readonly SqsParameters?: { readonly MessageGroupId?: string | undefined } | undefined;
  readonly DeadLetterConfig?: { readonly Arn?: string | undefined } | undefined;
  readonly RetryPolicy?:
    | {
        readonly MaximumRetryAttempts?: number | undefined;
        readonly MaximumEventAgeInSeconds?: number | undefined;
      }
    | undefined;
}

export interface InputTransformer {
  readonly InputPathsMap?: Readonly<Record<string, string>> | undefined;
  readonly InputTemplate: string | undefined;
}

export type RuleState = "ENABLED" | "DISABLED" | "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

export interface StoredRule extends Owner {
  readonly busName: string;
  readonly name: string;
  readonly eventPattern?: string | undefined;
  readonly scheduleExpression?: string | undefined;
  readonly state: RuleState;
  readonly description?: string | undefined;
  readonly roleArn?: string | undefined;
  /** From when a rate is counted. */
  readonly scheduledFromMs: number;
  readonly targets: readonly RuleTarget[];
  readonly tags: Tags;
}

export interface StoredArchive extends Owner {
  readonly name: string;
  /** Names the stream of its events. */
  readonly archiveId: string;
  readonly sourceArn: string;
  readonly description?: string | undefined;
  readonly eventPattern?: string | undefined;
  /** 0: for ever. */
  readonly retentionDays: number;
  readonly createdAtMs: number;
}

export interface StoredReplay extends Owner {
  readonly name: string;
  readonly description?: string | undefined;
  readonly archiveArn: string;
  readonly destinationArn: string;
  /** Only these rules get the events; empty: all. */
  readonly ruleArns: readonly string[];
  readonly eventsFromMs: number;
  readonly eventsToMs: number;
  readonly state: "STARTING" | "RUNNING" | "CANCELLING" | "COMPLETED" | "CANCELLED" | "FAILED";
  readonly stateReason?: string | undefined;
  /** Where in the archive's stream it is. */
  readonly position?: string | undefined;
  readonly lastReplayedMs?: number | undefined;
  readonly startedAtMs: number;
  readonly endedAtMs?: number | undefined;
}

export const DEFAULT_BUS = "default";

export const ownerId = ({ account, region }: Owner): string => recordId(account, region);

export const busId = (bus: Owner & { readonly name: string }): string =>
  recordId(bus.account, bus.region, bus.name);

export const ruleId = (rule: Owner & { readonly busName: string; readonly name: string }): string =>
  recordId(rule.account, rule.region, rule.busName, rule.name);

const base = ({ account, region }: Owner): string => `arn:aws:events:${region}:${account}:`;

export const busArn = (bus: Owner & { readonly name: string }): string => `${base(bus)}event-bus/${bus.name}`;

/** AWS: the rules of the default bus do not name it. */
export const ruleArn = (rule: Owner & { readonly busName: string; readonly name: string }): string =>
  `${base(rule)}rule/${rule.busName === DEFAULT_BUS ? "" : `${rule.busName}/`}${rule.name}`;

export const archiveArn = (archive: Owner & { readonly name: string }): string =>
  `${base(archive)}archive/${archive.name}`;

export const replayArn = (replay: Owner & { readonly name: string }): string =>
  `${base(replay)}replay/${replay.name}`;

/** Reads the ARN of a bus. */
export function parseBusArn(arn: string): (Owner & { readonly name: string }) | undefined {
  const [, region, account, name] =
    /^arn:aws[a-z-]*:events:([a-z0-9-]+):(\d{12}):event-bus\/(.+)$/.exec(arn) ?? [];
  return region === undefined || account === undefined || name === undefined
    ? undefined
    : { region, account, name };
}

/** Reads the ARN of a rule, of whichever bus. */
export function parseRuleArn(
  arn: string,
): (Owner & { readonly busName: string; readonly name: string }) | undefined {
  const [, region, account, busName = DEFAULT_BUS, name] =
    /^arn:aws[a-z-]*:events:([a-z0-9-]+):(\d{12}):rule\/(?:(.+)\/)?([^/]+)$/.exec(arn) ?? [];
  return region === undefined || account === undefined || name === undefined
    ? undefined
    : { region, account, busName, name };
}
