import { AwsError } from "../core/errors.ts";
import { logGroupArn } from "../core/log-arn.ts";
import { compileLogFilter, InvalidFilterPattern } from "../core/log-filter-pattern.ts";
import type { Clock } from "../ports/clock.ts";
import { invalidLogsParameter, logsNotSupported } from "./log-errors.ts";
import type { LogGroups } from "./log-groups.ts";
import type { GroupName, StoredLogGroup, StoredSubscriptionFilter } from "./log-records.ts";

/** AWS: "There can be at most two subscription filters associated with a log group." */
const FILTERS_MAX = 2;
const FUNCTION_ARN = /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(?::[\w$-]+)?$/;

/** Where matching events go: functions that let CloudWatch Logs invoke them. */
export interface LogDestination {
  /** Whether a function is there and its policy lets CloudWatch Logs invoke it for a log group. */
  allows(functionArn: string, source: { account: string; region: string; sourceArn: string }): boolean;
  /** Resolves when the function took the event, whatever it made of it; rejects when it did not get it. */
  deliver(functionArn: string, payload: Uint8Array): Promise<void>;
  compress(text: string): Promise<Uint8Array>;
}

export interface SubscriptionFilterInput {
  readonly filterName: string;
  readonly filterPattern: string;
  readonly destinationArn: string;
  readonly roleArn: string | undefined;
  readonly distribution: string | undefined;
}

/** The ARN under which a group's events are sent: permissions name it. */
export const subscriptionSourceArn = (group: GroupName): string => `${logGroupArn(group)}:*`;

/** Subscription filters of log groups: put, found, deleted. Every method throws AWS's errors. */
export class SubscriptionFilters {
  readonly #groups: LogGroups;
  readonly #clock: Clock;
  readonly #destination: () => LogDestination | undefined;

  constructor(deps: { groups: LogGroups; clock: Clock; destination: () => LogDestination | undefined }) {
    this.#groups = deps.groups;
    this.#clock = deps.clock;
    this.#destination = deps.destination;
  }

  /** A filter of the same name is replaced. */
  async put(name: GroupName, input: SubscriptionFilterInput): Promise<void> {
    this.#groups.group(name);
    this.#check(name, input);
    await this.#groups.update(name, (group) => {
      const { filterName, filterPattern, destinationArn, distribution = "ByLogStream" } = input;
      const others = filtersOf(group).filter((filter) => filter.filterName !== filterName);
      if (others.length >= FILTERS_MAX)
        throw new AwsError("LimitExceededException", "Resource limit exceeded.", 400);
      const createdAtMs = this.#clock.nowMs();
      const filter = { filterName, filterPattern, destinationArn, distribution, createdAtMs };
      return { ...group, subscriptionFilters: [...others, filter] };
    });
  }

  async delete(name: GroupName, filterName: string): Promise<void> {
    await this.#groups.update(name, (group) => {
      const left = filtersOf(group).filter((filter) => filter.filterName !== filterName);
      if (left.length === filtersOf(group).length)
        throw new AwsError(
          "ResourceNotFoundException",
          "The specified subscription filter does not exist.",
          400,
        );
      return { ...group, subscriptionFilters: left };
    });
  }

  /** By name. */
  list(name: GroupName, prefix: string | undefined): StoredSubscriptionFilter[] {
    return filtersOf(this.#groups.group(name))
      .filter(({ filterName }) => filterName.startsWith(prefix ?? ""))
      .sort((left, right) => (left.filterName < right.filterName ? -1 : 1));
  }

  #check(name: GroupName, { filterPattern, destinationArn, roleArn }: SubscriptionFilterInput): void {
    try {
      compileLogFilter(filterPattern);
    } catch (error) {
      if (error instanceof InvalidFilterPattern) throw invalidLogsParameter("Invalid filter pattern");
      throw error;
    }
    if (!FUNCTION_ARN.test(destinationArn)) throw logsNotSupported("A destinationArn that is no function's");
    if (roleArn !== undefined)
      throw invalidLogsParameter("destinationArn for vendor lambda cannot be used with roleArn");
    const source = { account: name.account, region: name.region, sourceArn: subscriptionSourceArn(name) };
    if (this.#destination()?.allows(destinationArn, source) !== true)
      throw invalidLogsParameter(
        "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.",
      );
  }
}

export const filtersOf = (group: StoredLogGroup): readonly StoredSubscriptionFilter[] =>
  group.subscriptionFilters ?? [];
