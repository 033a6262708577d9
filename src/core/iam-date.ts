/** AWS: IAM and STS tell times in whole seconds. */
export const iamDate = (epochMs: number): Date => new Date(Math.floor(epochMs / 1000) * 1000);
