import type { Clock } from "../ports/clock.ts";
import type { KeyValueStore } from "../ports/store.ts";
import { createGroups, type Groups } from "./groups.ts";
import { type IamDirectory, openIamDirectory } from "./iam-directory.ts";
import { createIamRepository } from "./iam-repository.ts";
import { createPolicies, type Policies } from "./policies.ts";
import { createRoles, type Roles } from "./roles.ts";
import { createUsers, type Users } from "./users.ts";

/** Identity and access management: users, groups, roles and managed policies of every account on a store. */
export interface Iam {
  /** Users, roles and policies in memory, for the evaluation of requests. */
  readonly directory: IamDirectory;
  readonly roles: Roles;
  readonly policies: Policies;
  readonly users: Users;
  readonly groups: Groups;
  close(): Promise<void>;
}

/** Opens IAM on a store; resolves when everything stored is known. */
export async function openIam(deps: { keyValue: KeyValueStore; clock: Clock }): Promise<Iam> {
  const directory = await openIamDirectory(deps.keyValue);
  const repository = createIamRepository(deps.keyValue);
  const parts = { directory, repository, clock: deps.clock };
  return {
    directory,
    roles: createRoles(parts),
    policies: createPolicies(parts),
    users: createUsers(parts),
    groups: createGroups(parts),
    close: () => directory.close(),
  };
}
