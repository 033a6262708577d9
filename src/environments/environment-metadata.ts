/** What AWS's metadata endpoint tells inside an execution environment, and the token by which one may ask for it. */
export interface EnvironmentMetadata {
  readonly availabilityZoneId: string;
  readonly token: string;
}
