import * as iamModule from "@aws-sdk/client-iam";
import type { Iam } from "../../../iam/iam.ts";
import { defineService, type ServiceDefinition } from "../../protocol/handlers.ts";
import { absentHandlers } from "./absent-handlers.ts";
import { accessKeyHandlers } from "./access-key-handlers.ts";
import { groupHandlers } from "./group-handlers.ts";
import { groupPolicyHandlers } from "./group-policy-handlers.ts";
import { policyHandlers } from "./policy-handlers.ts";
import { roleHandlers } from "./role-handlers.ts";
import { rolePolicyHandlers } from "./role-policy-handlers.ts";
import { userHandlers } from "./user-handlers.ts";
import { userPolicyHandlers } from "./user-policy-handlers.ts";

/** AWS Identity and Access Management: users, groups, roles and managed policies. */
export function iamService(deps: { iam: Iam }): ServiceDefinition {
  return defineService({
    signingName: "iam",
    client: new iamModule.IAMClient({ region: "us-east-1" }),
    module: iamModule,
    handlers: {
      ...roleHandlers(deps.iam),
      ...rolePolicyHandlers(deps.iam),
      ...policyHandlers(deps.iam),
      ...userHandlers(deps.iam),
      ...userPolicyHandlers(deps.iam),
      ...groupHandlers(deps.iam),
      ...groupPolicyHandlers(deps.iam),
      ...accessKeyHandlers(deps.iam),
      ...absentHandlers(deps.iam),
    },
  });
}
