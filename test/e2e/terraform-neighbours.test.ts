import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { IAMClient, ListGroupsCommand, ListPoliciesCommand, ListUsersCommand } from "@aws-sdk/client-iam";
import { skipUnless } from "../support/skip.ts";
import { startLambent } from "../support/start-lambent.ts";
import { hasTerraform, openTerraform, TERRAFORM_ADVICE } from "../support/terraform.ts";

const CONFIGURATION = fileURLToPath(new URL("./fixtures/terraform/neighbours.tf", import.meta.url));

test("Terraform: groups, boundaries and metric filters", { timeout: 280_000 }, async (t) => {
  const reason = "Terraform or version 5 of its AWS provider is missing";
  if (!skipUnless(t, await hasTerraform(), reason, TERRAFORM_ADVICE)) return;
  const lambent = await startLambent();
  t.after(() => lambent.stop());
  const credentials = { accessKeyId: "any", secretAccessKey: "any" };
  const terraform = await openTerraform(CONFIGURATION, {
    AWS_ENDPOINT_URL: lambent.endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: "us-east-1",
  });
  t.after(() => terraform.remove());

  await terraform.run("apply", "-auto-approve");
  assert.deepEqual(await terraform.plannedChanges(), []);
  const changed = ["-var", "group_name=tf-crew", "-var", "pattern=FATAL"];
  await terraform.run("apply", "-auto-approve", ...changed);
  assert.deepEqual(await terraform.plannedChanges(...changed), [], "after a change");
  await terraform.run("destroy", "-auto-approve", ...changed);

  const iam = new IAMClient({ endpoint: lambent.endpoint, region: "us-east-1", credentials });
  t.after(() => iam.destroy());
  assert.deepEqual((await iam.send(new ListGroupsCommand({}))).Groups, []);
  assert.deepEqual((await iam.send(new ListUsersCommand({}))).Users, []);
  assert.deepEqual((await iam.send(new ListPoliciesCommand({ Scope: "Local" }))).Policies, []);
});
