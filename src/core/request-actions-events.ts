import type { RequiredPermission, ServiceCall } from "./required-permission.ts";

const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const isMembers = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** "Actions, resources, and condition keys for Amazon EventBridge". */
export function eventBridgePermissions(call: ServiceCall): RequiredPermission[] {
  const action = `events:${call.operation}`;
  if (call.operation === "PutEvents") return putEventsPermissions(call, action);
  const { Targets: targets } = call.input;
  const roles = [
    text(call.input.RoleArn),
    ...(Array.isArray(targets) ? targets.filter(isMembers).map(({ RoleArn: role }) => text(role)) : []),
  ];
  return [{ action, resources: [eventBridgeResource(call)] }, ...passedRoles(roles, "events.amazonaws.com")];
}

function putEventsPermissions(call: ServiceCall, action: string): RequiredPermission[] {
  const { Entries: entries } = call.input;
  const buses = new Set(
    (Array.isArray(entries) ? entries : [])
      .filter(isMembers)
      .map(({ EventBusName: bus }) => busArn(call, text(bus) ?? "default")),
  );
  return [...buses].map((bus) => ({ action, resources: [bus] }));
}

function eventBridgeResource(call: ServiceCall): string {
  const { input, operation } = call;
  const base = baseArn(call, "events");
  const arn = text(input.ResourceARN);
  // A rule of the default bus has its name alone behind `rule/`.
  if (arn !== undefined) return arn.replace(/(:rule\/)default\//, "$1");
  const archive = text(input.ArchiveName);
  if (archive !== undefined) return `${base}archive/${archive}`;
  const replay = text(input.ReplayName);
  if (replay !== undefined) return `${base}replay/${replay}`;
  const isOfRule = operation.includes("Rule") || operation.endsWith("Targets");
  const rule = isOfRule ? (text(input.Rule) ?? text(input.Name)) : undefined;
  if (rule !== undefined) {
    // The bus may be named by its ARN, of another region as well.
    const [owner = "", ...bus] = busArn(call, text(input.EventBusName) ?? "default").split("event-bus/");
    const busName = bus.join("event-bus/");
    return `${owner}rule/${busName === "default" ? "" : `${busName}/`}${rule}`;
  }
  if (operation.endsWith("EventBus")) return busArn(call, text(input.Name) ?? "default");
  if (operation.endsWith("Permission")) return busArn(call, text(input.EventBusName) ?? "default");
  return "*";
}

const baseArn = ({ region, account }: ServiceCall, service: string): string =>
  `arn:aws:${service}:${region}:${account}:`;

const busArn = (call: ServiceCall, reference: string): string =>
  reference.startsWith("arn:") ? reference : `${baseArn(call, "events")}event-bus/${reference}`;

function passedRoles(roles: readonly (string | undefined)[], service: string): RequiredPermission[] {
  const named = new Set(roles.filter((role) => role !== undefined));
  return [...named].map((role) => ({
    action: "iam:PassRole",
    resources: [role],
    context: { "iam:PassedToService": service },
  }));
}

/** "Actions, resources, and condition keys for Amazon EventBridge Scheduler". */
export function schedulerPermissions(call: ServiceCall): RequiredPermission[] {
  const { input, operation } = call;
  const action = `scheduler:${operation}`;
  const name = text(input.Name);
  const group = text(input.GroupName) ?? "default";
  const resource =
    text(input.ResourceArn) ??
    (name === undefined
      ? "*"
      : operation.endsWith("ScheduleGroup")
        ? `${baseArn(call, "scheduler")}schedule-group/${name}`
        : `${baseArn(call, "scheduler")}schedule/${group}/${name}`);
  const { Target: target } = input;
  const role = isMembers(target) ? text(target.RoleArn) : undefined;
  return [{ action, resources: [resource] }, ...passedRoles([role], "scheduler.amazonaws.com")];
}
