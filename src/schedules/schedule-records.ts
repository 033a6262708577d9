import { recordId } from "../event-delivery/stored-records.ts";

export interface Owner {
  readonly account: string;
  readonly region: string;
}

/** A target as CreateSchedule takes it, in AWS's words; checked when it was put. */
export interface ScheduleTarget {
  readonly Arn: string;
  readonly RoleArn: string;
  readonly Input?: string | undefined;
  readonly DeadLetterConfig?: { readonly Arn?: string | undefined } | undefined;
  readonly RetryPolicy?:
    | {
        readonly MaximumRetryAttempts?: number | undefined;
        readonly MaximumEventAgeInSeconds?: number | undefined;
      }
    | undefined;
  readonly SqsParameters?: { readonly MessageGroupId?: string | undefined } | undefined;
  readonly EventBridgeParameters?:
    | { readonly DetailType: string | undefined; readonly Source: string | undefined }
    | undefined;
}

export interface StoredSchedule extends Owner {
  readonly groupName: string;
  readonly name: string;
  readonly expression: string;
  readonly timeZone: string;
  readonly startMs?: number | undefined;
  readonly endMs?: number | undefined;
  readonly description?: string | undefined;
  readonly state: "ENABLED" | "DISABLED";
  /** 0: OFF. */
  readonly flexibleWindowMinutes: number;
  readonly actionAfterCompletion: "NONE" | "DELETE";
  readonly target: ScheduleTarget;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  /** From when a rate counts: when the schedule was put. */
  readonly countedFromMs: number;
  /** Of the request that made it: the same request again gets the same answer. */
  readonly clientToken?: string | undefined;
  /** The last run was. */
  readonly isCompleted?: boolean | undefined;
}

export interface StoredScheduleGroup extends Owner {
  readonly name: string;
  readonly createdAtMs: number;
  readonly modifiedAtMs: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly clientToken?: string | undefined;
  /** Its schedules are being removed. */
  readonly isDeleting?: boolean | undefined;
}

export const DEFAULT_GROUP = "default";

export const groupId = (group: Owner & { readonly name: string }): string =>
  recordId(group.account, group.region, group.name);

export const scheduleId = (schedule: Owner & { readonly groupName: string; readonly name: string }): string =>
  recordId(schedule.account, schedule.region, schedule.groupName, schedule.name);

export const groupArn = ({ account, region, name }: Owner & { readonly name: string }): string =>
  `arn:aws:scheduler:${region}:${account}:schedule-group/${name}`;

export const scheduleArn = (
  schedule: Owner & { readonly groupName: string; readonly name: string },
): string => {
  const { account, region, groupName, name } = schedule;
  return `arn:aws:scheduler:${region}:${account}:schedule/${groupName}/${name}`;
};

/** Reads the ARN of a schedule group. */
export function parseGroupArn(arn: string): (Owner & { readonly name: string }) | undefined {
  const [, region, account, name] =
    /^arn:aws[a-z-]*:scheduler:([a-z0-9-]+):(\d{12}):schedule-group\/([^/]+)$/.exec(arn) ?? [];
  return region === undefined || account === undefined || name === undefined
    ? undefined
    : { region, account, name };
}
