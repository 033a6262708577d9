import { AwsError, invalidParameterValue, resourceConflict, resourceNotFound } from "../core/errors.ts";
import type { Caller } from "../core/function-reference.ts";
import { layerArn } from "../core/layer-arn.ts";
import type { LayerVersionDocument } from "./layer-documents.ts";
import { GET_LAYER_VERSION, layerPolicyText } from "./layer-use.ts";
import type { Layers } from "./layers.ts";
import type { StoredStatement } from "./permission-statement.ts";

export interface LayerPermission {
  readonly reference: string;
  readonly version: number;
  readonly statementId: string;
  readonly action: string;
  /** An account, its root user's ARN, or "*". */
  readonly principal: string;
  readonly organizationId: string | undefined;
  readonly revisionId: string | undefined;
}

const POLICY_BYTES_MAX = 20_480;

/** Resource policies of layer versions: who else may use them. */
export class LayerPermissions {
  readonly #layers: Layers;
  readonly #newId: () => string;

  constructor(layers: Layers, newId: () => string) {
    this.#layers = layers;
    this.#newId = newId;
  }

  async add(
    owner: Caller,
    asked: LayerPermission,
  ): Promise<{ readonly statement: string; readonly revisionId: string }> {
    if (asked.action !== GET_LAYER_VERSION)
      throw invalidParameterValue(`The action of a layer's permission must be ${GET_LAYER_VERSION}.`);
    const version = this.#layers.getOwn(
      owner,
      asked.reference,
      asked.version,
      "lambda:AddLayerVersionPermission",
    );
    const statement = statementOf(asked, version);
    const revisionId = this.#newId();
    await this.#layers.change(version, (current) => {
      checkRevision(current, asked.revisionId);
      const statements = current.policy?.statements ?? [];
      if (statements.some(({ Sid }) => Sid === asked.statementId))
        throw resourceConflict(
          `The statement id (${asked.statementId}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
        );
      const policy = { statements: [...statements, statement], revisionId };
      const bytes = Buffer.byteLength(layerPolicyText(policy.statements));
      if (bytes > POLICY_BYTES_MAX)
        throw new AwsError(
          "PolicyLengthExceededException",
          `The final policy size (${bytes}) is bigger than the limit (${POLICY_BYTES_MAX}).`,
          400,
        );
      return { ...current, policy };
    });
    return { statement: JSON.stringify(statement), revisionId };
  }

  async remove(
    owner: Caller,
    asked: Pick<LayerPermission, "reference" | "version" | "statementId" | "revisionId">,
  ): Promise<void> {
    const version = this.#layers.getOwn(
      owner,
      asked.reference,
      asked.version,
      "lambda:RemoveLayerVersionPermission",
    );
    const revisionId = this.#newId();
    await this.#layers.change(version, ({ policy, ...rest }) => {
      if (policy === undefined) throw resourceNotFound("No policy is associated with the given resource.");
      checkRevision({ ...rest, policy }, asked.revisionId);
      const statements = policy.statements.filter(({ Sid }) => Sid !== asked.statementId);
      if (statements.length === policy.statements.length)
        throw resourceNotFound(`Statement ${asked.statementId} is not found in resource policy.`);
      return statements.length === 0 ? rest : { ...rest, policy: { statements, revisionId } };
    });
  }

  policy(
    owner: Caller,
    reference: string,
    version: number,
  ): { readonly policy: string; readonly revisionId: string } {
    const { policy } = this.#layers.getOwn(owner, reference, version, "lambda:GetLayerVersionPolicy");
    if (policy === undefined) throw resourceNotFound("No policy is associated with the given resource.");
    return { policy: layerPolicyText(policy.statements), revisionId: policy.revisionId };
  }
}

function statementOf(asked: LayerPermission, version: LayerVersionDocument): StoredStatement {
  const { principal, organizationId } = asked;
  if (organizationId !== undefined && principal !== "*")
    throw invalidParameterValue("When specifying an organization, the principal must be *.");
  return {
    Sid: asked.statementId,
    Effect: "Allow",
    Principal:
      principal === "*"
        ? "*"
        : { AWS: /^\d{12}$/.test(principal) ? `arn:aws:iam::${principal}:root` : principal },
    Action: GET_LAYER_VERSION,
    Resource: layerArn(version, version.version),
    ...(organizationId !== undefined && {
      Condition: { StringEquals: { "aws:PrincipalOrgID": organizationId } },
    }),
  };
}

function checkRevision({ policy }: LayerVersionDocument, revisionId: string | undefined): void {
  if (revisionId === undefined || revisionId === "" || revisionId === policy?.revisionId) return;
  throw new AwsError(
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id",
    412,
  );
}
