/** arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER] */
export function functionArn(
  owner: { account: string; region: string; functionName: string },
  qualifier?: string,
): string {
  const base = `arn:aws:lambda:${owner.region}:${owner.account}:function:${owner.functionName}`;
  return qualifier === undefined ? base : `${base}:${qualifier}`;
}
