/** One `operator: { key: values }` of a Condition block. */
export interface PolicyCondition {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

/** Values of a Principal block by type: "AWS", "Service", "Federated", "CanonicalUser"; `"*"` is AWS: *. */
export type PolicyPrincipals = Readonly<Record<string, readonly string[]>>;

export interface PolicyStatement {
  readonly sid: string | undefined;
  readonly effect: "Allow" | "Deny";
  readonly actions: readonly string[] | undefined;
  readonly notActions: readonly string[] | undefined;
  readonly resources: readonly string[] | undefined;
  readonly notResources: readonly string[] | undefined;
  readonly principals: PolicyPrincipals | undefined;
  readonly notPrincipals: PolicyPrincipals | undefined;
  readonly conditions: readonly PolicyCondition[];
}

export interface PolicyDocument {
  /** Policy variables are read from version 2012-10-17 on. */
  readonly version: "2008-10-17" | "2012-10-17";
  readonly statements: readonly PolicyStatement[];
}

/**
 * Identity policies say what may be done, trust policies who may assume a role, resource policies who may do what with
 * the resource that they stand on.
 */
export type PolicyKind = "identity" | "trust" | "resource";

/** What is wrong with a document, in AWS's words. */
export interface MalformedPolicy {
  readonly problem: string;
}

class Malformed extends Error {}

const SYNTAX = "Syntax errors in policy.";
const STATEMENT_MEMBERS = new Set([
  "Sid",
  "Effect",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Principal",
  "NotPrincipal",
  "Condition",
]);
const PRINCIPAL_TYPES = new Set(["AWS", "Service", "Federated", "CanonicalUser"]);

/**
 * Reads the JSON text of a policy. Gives the text of AWS's MalformedPolicyDocument error when it does not follow
 * "Grammar of the IAM JSON policy language".
 */
export function parsePolicyDocument(text: string, kind: PolicyKind): PolicyDocument | MalformedPolicy {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: kind === "trust" ? "This policy contains invalid Json" : SYNTAX };
  }
  try {
    return readDocument(json, kind);
  } catch (error) {
    if (error instanceof Malformed) return { problem: error.message };
    throw error;
  }
}

function readDocument(json: unknown, kind: PolicyKind): PolicyDocument {
  const document = asObject(json);
  for (const member of Object.keys(document)) {
    if (member !== "Version" && member !== "Id" && member !== "Statement") throw new Malformed(SYNTAX);
  }
  const version = readVersion(document.Version, kind);
  if (document.Id !== undefined && typeof document.Id !== "string") throw new Malformed(SYNTAX);
  if (document.Statement === undefined) throw new Malformed(SYNTAX);
  const list: unknown[] = Array.isArray(document.Statement) ? document.Statement : [document.Statement];
  const statements = list.map((statement) => readStatement(asObject(statement), kind));
  const sids = statements.map(({ sid }) => sid).filter((sid) => sid !== undefined && sid !== "");
  if (new Set(sids).size !== sids.length) {
    throw new Malformed("Statement IDs (SID) in a single policy must be unique.");
  }
  return { version, statements };
}

function readVersion(version: unknown, kind: PolicyKind): PolicyDocument["version"] {
  if (version === "2012-10-17") return version;
  if (kind === "identity") throw new Malformed("Policy document must be version 2012-10-17 or greater.");
  if (version !== undefined && version !== "2008-10-17") throw new Malformed(SYNTAX);
  return "2008-10-17";
}

function readStatement(statement: Record<string, unknown>, kind: PolicyKind): PolicyStatement {
  for (const member of Object.keys(statement)) {
    if (!STATEMENT_MEMBERS.has(member)) throw new Malformed(SYNTAX);
  }
  const { Sid: sid, Effect: effect } = statement;
  if (effect !== "Allow" && effect !== "Deny") throw new Malformed(SYNTAX);
  if (sid !== undefined && typeof sid !== "string") throw new Malformed(SYNTAX);
  if (sid !== undefined && kind === "identity" && !/^[0-9A-Za-z]*$/.test(sid)) {
    throw new Malformed(
      "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    );
  }
  const read: PolicyStatement = {
    sid,
    effect,
    actions: readStrings(statement.Action),
    notActions: readStrings(statement.NotAction),
    resources: readStrings(statement.Resource),
    notResources: readStrings(statement.NotResource),
    principals: readPrincipals(statement.Principal),
    notPrincipals: readPrincipals(statement.NotPrincipal),
    conditions: readConditions(statement.Condition),
  };
  if (kind === "trust") checkTrustStatement(read);
  if (kind === "resource" && read.principals === undefined && read.notPrincipals === undefined)
    throw new Malformed("Missing required field Principal");
  checkActions(read, kind);
  if (kind === "identity") checkIdentityStatement(read);
  return read;
}

function checkActions(statement: PolicyStatement, kind: PolicyKind): void {
  if (statement.actions !== undefined && statement.notActions !== undefined) throw new Malformed(SYNTAX);
  const actions = statement.actions ?? statement.notActions ?? [];
  if (actions.length === 0) throw new Malformed("Policy statement must contain actions.");
  for (const action of actions) {
    if (action === "*") continue;
    const vendor = /^([^:]*):/.exec(action)?.[1];
    if (vendor === undefined) {
      throw new Malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
    if (!/^[a-zA-Z0-9-]+$/.test(vendor)) throw new Malformed(`Vendor ${vendor} is not valid`);
    if (kind === "trust" && vendor.toLowerCase() !== "sts") {
      throw new Malformed("AssumeRole policy may only specify STS AssumeRole actions.");
    }
  }
}

function checkIdentityStatement(statement: PolicyStatement): void {
  if (statement.principals !== undefined || statement.notPrincipals !== undefined) {
    throw new Malformed("Policy document should not specify a principal.");
  }
  if (statement.resources !== undefined && statement.notResources !== undefined) throw new Malformed(SYNTAX);
  const resources = statement.resources ?? statement.notResources ?? [];
  if (resources.length === 0) throw new Malformed("Policy statement must contain resources.");
  for (const resource of resources) {
    if (resource !== "*" && !/^(arn|\*|\$\{)/.test(resource)) {
      throw new Malformed(`Resource ${resource} must be in ARN format or "*".`);
    }
  }
}

function checkTrustStatement(statement: PolicyStatement): void {
  if (statement.resources !== undefined || statement.notResources !== undefined) {
    throw new Malformed("Has prohibited field Resource");
  }
  const principals = statement.principals ?? statement.notPrincipals;
  if (principals === undefined) throw new Malformed("Missing required field Principal");
  for (const value of principals.AWS ?? []) {
    if (!/^(\*|\d{12}|arn:aws[a-z-]*:(iam|sts)::\d{12}:.+|A[A-Z]{3}[A-Z0-9]{8,})$/.test(value)) {
      throw new Malformed(`Invalid principal in policy: "AWS":"${value}"`);
    }
  }
}

function readPrincipals(value: unknown): PolicyPrincipals | undefined {
  if (value === undefined) return undefined;
  if (value === "*") return { AWS: ["*"] };
  const principals = asObject(value);
  const read: Record<string, readonly string[]> = {};
  for (const [type, names] of Object.entries(principals)) {
    if (!PRINCIPAL_TYPES.has(type)) throw new Malformed(SYNTAX);
    read[type] = readStrings(names) ?? [];
  }
  return read;
}

function readConditions(value: unknown): PolicyCondition[] {
  if (value === undefined) return [];
  return Object.entries(asObject(value)).flatMap(([operator, keys]) =>
    Object.entries(asObject(keys)).map(([key, values]) => ({
      operator,
      key,
      values: (Array.isArray(values) ? values : [values]).map(readConditionValue),
    })),
  );
}

function readConditionValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new Malformed(SYNTAX);
}

function readStrings(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((item) => {
    if (typeof item !== "string") throw new Malformed(SYNTAX);
    return item;
  });
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed(SYNTAX);
  return value as Record<string, unknown>;
}
