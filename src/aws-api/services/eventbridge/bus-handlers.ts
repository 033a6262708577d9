import type * as eventBridgeModule from "@aws-sdk/client-eventbridge";
import { eventsInvalid, eventsNotSupported } from "../../../buses/bus-errors.ts";
import { busArn, DEFAULT_BUS, type StoredBus } from "../../../buses/bus-records.ts";
import type { EventBridge } from "../../../buses/event-bridge.ts";
import type { Handlers } from "../../protocol/handlers.ts";
import { byName, dateOf, defined, pageOf, tagsOf } from "./event-paging.ts";

export type EventBridgeHandlers = Handlers<typeof eventBridgeModule>;

/** Event buses and their policies. */
export function busHandlers({ buses, rules }: EventBridge): EventBridgeHandlers {
  return {
    CreateEventBus: async (input, context) => {
      refuseUnsupported(input);
      if (input.EventSourceName !== undefined) throw eventsNotSupported("EventSourceName");
      const { Name: name = "", Description: description, Tags } = input;
      const bus = await buses.create(context, { name, description, tags: tagsOf(Tags) });
      return defined({ EventBusArn: busArn(bus), Description: description });
    },
    DescribeEventBus: (input, context) => {
      const bus = buses.bus(context, input.Name);
      return defined({ ...busShape(bus), Description: bus.description });
    },
    ListEventBuses: (input, context) => {
      const { NamePrefix: prefix = "" } = input;
      const all = buses.list(context).filter(({ name }) => name.startsWith(prefix));
      const { page, ...next } = pageOf(all.sort(byName), input, ({ name }) => name);
      return { EventBuses: page.map(busShape), ...next };
    },
    UpdateEventBus: async (input, context) => {
      refuseUnsupported(input);
      const { Description: description } = input;
      const bus = await buses.update(buses.bus(context, input.Name), (current) =>
        description === undefined ? current : { ...current, description },
      );
      return defined({ Arn: busArn(bus), Name: bus.name, Description: bus.description });
    },
    DeleteEventBus: async (input, context) => {
      const { name } = buses.named(context, input.Name);
      if (name === DEFAULT_BUS) throw eventsInvalid(`Cannot delete event bus ${name}.`);
      const bus = buses.find(buses.named(context, name));
      // AWS: a bus that is not there is deleted without an error.
      if (bus === undefined) return {};
      if (rules.list(bus).length > 0) throw eventsInvalid("Event bus can't be deleted since it has rules.");
      await buses.delete(bus);
      return {};
    },
    PutPermission: async (input, context) => {
      const bus = buses.bus(context, input.EventBusName);
      const { Policy: policy, StatementId: statementId, Action: action, Principal: principal } = input;
      if (policy !== undefined) {
        if (statementId !== undefined || action !== undefined || principal !== undefined)
          throw eventsInvalid("Policy can't be used with Action, Principal, StatementId or Condition.");
        await buses.putPolicy(bus, policy);
        return {};
      }
      if (statementId === undefined || action === undefined || principal === undefined)
        throw eventsInvalid("Parameters Action, Principal and StatementId are required.");
      const { Type = "", Key = "", Value = "" } = input.Condition ?? {};
      const condition = input.Condition === undefined ? undefined : { Type, Key, Value };
      await buses.putPermission(bus, { statementId, action, principal, condition });
      return {};
    },
    RemovePermission: async (input, context) => {
      const bus = buses.bus(context, input.EventBusName);
      const { StatementId: statementId, RemoveAllPermissions: all } = input;
      if (all !== true && statementId === undefined)
        throw eventsInvalid("Parameter StatementId or RemoveAllPermissions is required.");
      await buses.removePermission(bus, all === true ? undefined : statementId);
      return {};
    },
  };
}

function refuseUnsupported(input: {
  readonly KmsKeyIdentifier?: string | undefined;
  readonly DeadLetterConfig?: object | undefined;
  readonly LogConfig?: object | undefined;
}): void {
  if (input.KmsKeyIdentifier !== undefined && input.KmsKeyIdentifier !== "")
    throw eventsNotSupported("KmsKeyIdentifier");
  // AWS: of a bus it is for events that could not be decrypted.
  if (input.DeadLetterConfig !== undefined) throw eventsNotSupported("DeadLetterConfig of an event bus");
  if (input.LogConfig !== undefined) throw eventsNotSupported("LogConfig");
}

function busShape(bus: StoredBus): eventBridgeModule.EventBus {
  return defined({
    Name: bus.name,
    Arn: busArn(bus),
    Description: bus.description,
    Policy: bus.policy,
    CreationTime: dateOf(bus.createdAtMs),
    LastModifiedTime: dateOf(bus.modifiedAtMs),
  });
}
