import { parseRoleArn } from "../core/iam-arn.ts";
import { isAssumableByService } from "../iam/role-for-service.ts";
import { DeliveryRefused, type EventSender } from "../ports/event-targets.ts";
import type { Ground } from "./ground.ts";
import type { Platform } from "./platform.ts";

/** The roles that a service sends with: those that let it assume them, and where access is open made-up ones too. */
export function senderRoles(
  { configuration }: Ground,
  { iam }: Platform,
  service: string,
): {
  readonly mayAssume: (roleArn: string) => boolean;
  readonly sender: (roleArn: string) => Pick<EventSender, "roleArn" | "hasMadeUpRole">;
} {
  const isMadeUp = (roleArn: string): boolean => {
    const named = parseRoleArn(roleArn);
    const role = named && iam.directory.role(named.account, named.roleName);
    return configuration.authentication === "open" && role === undefined;
  };
  const mayAssume = (roleArn: string): boolean =>
    configuration.authentication === "open" || isAssumableByService(iam.directory, roleArn, service);
  return {
    mayAssume,
    sender: (roleArn) => {
      if (!mayAssume(roleArn))
        throw new DeliveryRefused("AccessDeniedException", `${service} may not assume ${roleArn}.`);
      return { roleArn, hasMadeUpRole: isMadeUp(roleArn) };
    },
  };
}
