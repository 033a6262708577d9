/** arn:aws:logs:REGION:ACCOUNT:log-group:NAME; what carries tags. Its older form has `:*` behind. */
export function logGroupArn(group: { account: string; region: string; logGroupName: string }): string {
  return `arn:aws:logs:${group.region}:${group.account}:log-group:${group.logGroupName}`;
}

/** arn:aws:logs:REGION:ACCOUNT:log-group:GROUP:log-stream:STREAM */
export function logStreamArn(
  group: { account: string; region: string; logGroupName: string },
  logStreamName: string,
): string {
  return `${logGroupArn(group)}:log-stream:${logStreamName}`;
}

/**
 * Name of the group in an ARN with or without the `:*` end; a plain name is given back as it is. Undefined for the ARN of
 * another account's or region's group.
 */
export function logGroupNameOf(
  owner: { readonly account: string; readonly region: string },
  identifier: string,
): string | undefined {
  const [, region, account, name] =
    /^arn:aws[a-z-]*:logs:([^:]*):(\d{12}):log-group:([^:]+)(?::\*)?$/.exec(identifier) ?? [];
  if (name === undefined) return identifier;
  return region === owner.region && account === owner.account ? name : undefined;
}
