import { type PolicyDocument, parsePolicyDocument } from "../core/policy-document.ts";
import type { StoredRecords } from "../event-delivery/stored-records.ts";
import type { Clock } from "../ports/clock.ts";
import { busNotFound, eventsAlreadyExist, eventsInvalid, eventsNotFound } from "./bus-errors.ts";
import {
  busArn,
  busId,
  DEFAULT_BUS,
  type Owner,
  ownerId,
  parseBusArn,
  type StoredBus,
  type Tags,
} from "./bus-records.ts";

/** One permission as PutPermission takes it. */
export interface BusPermission {
  readonly statementId: string;
  readonly action: string;
  /** An account, or "*". */
  readonly principal: string;
  readonly condition?: { readonly Type: string; readonly Key: string; readonly Value: string } | undefined;
}

const POLICY_BYTES_MAX = 10_240;

/** Event buses and their policies. Every account has a default bus in each region, whether it is stored or not. */
export class EventBuses {
  readonly #records: StoredRecords<StoredBus>;
  readonly #clock: Clock;
  /** Parsed policies by their text. */
  readonly #policies = new WeakMap<StoredBus, PolicyDocument>();

  constructor(records: StoredRecords<StoredBus>, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
  }

  /** By name or ARN, one of the owner's; undefined: the default bus. Throws AWS's error when there is none. */
  bus(owner: Owner, reference: string | undefined): StoredBus {
    const name = this.named(owner, reference);
    const found = this.find(name);
    if (found === undefined || found.account !== owner.account) throw busNotFound(name.name);
    return found;
  }

  /** What a reference names, whether it is there or not. */
  named({ account, region }: Owner, reference = DEFAULT_BUS): Owner & { readonly name: string } {
    return parseBusArn(reference) ?? { account, region, name: reference };
  }

  find(name: Owner & { readonly name: string }): StoredBus | undefined {
    const stored = this.#records.get(busId(name));
    if (stored !== undefined || name.name !== DEFAULT_BUS) return stored;
    return { account: name.account, region: name.region, name: DEFAULT_BUS, tags: {} };
  }

  list(owner: Owner): StoredBus[] {
    const stored = this.#records.below(`${ownerId(owner)}/`);
    const others = stored.filter(({ name }) => name !== DEFAULT_BUS);
    return [this.bus(owner, DEFAULT_BUS), ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  policy(bus: StoredBus): PolicyDocument | undefined {
    if (bus.policy === undefined) return undefined;
    const known = this.#policies.get(bus);
    if (known !== undefined) return known;
    const document = parsePolicyDocument(bus.policy, "resource");
    if ("problem" in document) return undefined;
    this.#policies.set(bus, document);
    return document;
  }

  async create(
    owner: Owner,
    bus: { readonly name: string; readonly description: string | undefined; readonly tags: Tags },
  ): Promise<StoredBus> {
    if (bus.name === DEFAULT_BUS) throw eventsAlreadyExist(`Event bus ${bus.name} already exists.`);
    if (bus.name.includes("/")) throw eventsInvalid("Event bus name must not contain '/'.");
    const nowMs = this.#clock.nowMs();
    const { account, region } = owner;
    const record: StoredBus = { account, region, ...bus, createdAtMs: nowMs, modifiedAtMs: nowMs };
    if (!(await this.#records.create(busId(record), record)))
      throw eventsAlreadyExist(`Event bus ${bus.name} already exists.`);
    return record;
  }

  /** Changes a bus; the default bus is stored from then on. */
  async update(bus: StoredBus, change: (bus: StoredBus) => StoredBus): Promise<StoredBus> {
    const modified = (current: StoredBus): StoredBus => {
      const changed = change(current);
      return changed === current ? current : { ...changed, modifiedAtMs: this.#clock.nowMs() };
    };
    const updated = await this.#records.update(busId(bus), modified);
    if (updated !== undefined) return updated;
    if (bus.name !== DEFAULT_BUS) throw busNotFound(bus.name);
    const { account, region } = bus;
    await this.#records.create(busId(bus), { account, region, name: DEFAULT_BUS, tags: {} });
    return this.update(bus, change);
  }

  async delete(bus: StoredBus): Promise<void> {
    await this.#records.delete(busId(bus));
  }

  /** Puts a whole policy in place of the old one. */
  async putPolicy(bus: StoredBus, text: string): Promise<void> {
    const policy = checkedPolicy(text);
    await this.update(bus, (current) => ({ ...current, policy }));
  }

  async putPermission(bus: StoredBus, permission: BusPermission): Promise<void> {
    const { statementId, action, principal, condition } = permission;
    if (action !== "events:PutEvents")
      throw eventsInvalid(`Provided value in parameter 'action' is not supported.`);
    if (!/^(\d{12}|\*)$/.test(principal))
      throw eventsInvalid("Provided value in parameter 'principal' is not valid.");
    const statement = {
      Sid: statementId,
      Effect: "Allow",
      Principal: principal === "*" ? "*" : { AWS: `arn:aws:iam::${principal}:root` },
      Action: action,
      Resource: busArn(bus),
      ...(condition !== undefined && {
        Condition: { [condition.Type]: { [condition.Key]: condition.Value } },
      }),
    };
    await this.update(bus, (current) => {
      const others = statementsOf(current).filter(({ Sid: sid }) => sid !== statementId);
      return { ...current, policy: policyText([...others, statement]) };
    });
  }

  /** Undefined: every statement. */
  async removePermission(bus: StoredBus, statementId: string | undefined): Promise<void> {
    if (statementId === undefined) {
      await this.update(bus, (current) => ({ ...current, policy: undefined }));
      return;
    }
    await this.update(bus, (current) => {
      const statements = statementsOf(current);
      if (statements.length === 0) throw eventsNotFound("EventBus does not have a policy.");
      const rest = statements.filter(({ Sid: sid }) => sid !== statementId);
      if (rest.length === statements.length)
        throw eventsNotFound("Statement with the provided id does not exist.");
      return { ...current, policy: rest.length === 0 ? undefined : policyText(rest) };
    });
  }
}

type Statement = { readonly Sid?: unknown };

function statementsOf({ policy }: StoredBus): Statement[] {
  if (policy === undefined) return [];
  const { Statement: statements } = JSON.parse(policy) as { Statement: Statement | Statement[] };
  return Array.isArray(statements) ? statements : [statements];
}

const policyText = (statements: readonly object[]): string =>
  checkedPolicy(JSON.stringify({ Version: "2012-10-17", Statement: statements }));

function checkedPolicy(text: string): string {
  if (Buffer.byteLength(text) > POLICY_BYTES_MAX)
    throw eventsInvalid("Policy length exceeds the limit of 10240.");
  const document = parsePolicyDocument(text, "resource");
  if ("problem" in document) throw eventsInvalid(`Invalid policy document: ${document.problem}`);
  return text;
}
