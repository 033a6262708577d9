import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** Resource-based policies of functions, a statement at a time and as a whole. */
export function permissionHandlers({ functions }: LambdaDependencies): LambdaHandlers {
  const { policies } = functions;
  return {
    AddPermission: async (input, context) => {
      const Statement = await policies.addPermission(context, {
        reference: input.FunctionName ?? "",
        qualifier: input.Qualifier || undefined,
        statementId: input.StatementId ?? "",
        action: input.Action ?? "",
        principal: input.Principal ?? "",
        sourceArn: input.SourceArn,
        sourceAccount: input.SourceAccount,
        eventSourceToken: input.EventSourceToken,
        principalOrgId: input.PrincipalOrgID,
        functionUrlAuthType: input.FunctionUrlAuthType,
        invokedViaFunctionUrl: input.InvokedViaFunctionUrl,
        revisionId: input.RevisionId,
      });
      return { Statement };
    },
    RemovePermission: async (input, context) => {
      await policies.removePermission(context, {
        reference: input.FunctionName ?? "",
        qualifier: input.Qualifier || undefined,
        statementId: input.StatementId ?? "",
        revisionId: input.RevisionId,
      });
      return {};
    },
    GetPolicy: ({ FunctionName = "", Qualifier }, context) => {
      const { policy, revisionId } = policies.get(context, FunctionName, Qualifier || undefined);
      return { Policy: policy, RevisionId: revisionId };
    },
    PutResourcePolicy: async ({ ResourceArn = "", Policy = "", RevisionId }, context) => {
      const { policy, revisionId } = await policies.put(context, ResourceArn, Policy, RevisionId);
      return { Policy: policy, RevisionId: revisionId };
    },
    GetResourcePolicy: ({ ResourceArn = "" }, context) => {
      const { policy, revisionId } = policies.get(context, ResourceArn, undefined);
      return { Policy: policy, RevisionId: revisionId };
    },
    DeleteResourcePolicy: async ({ ResourceArn = "", RevisionId }, context) => {
      await policies.remove(context, ResourceArn, RevisionId);
      return {};
    },
  };
}
