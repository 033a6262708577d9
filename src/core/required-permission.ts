/** A permission that a request needs. */
export interface RequiredPermission {
  /** "lambda:InvokeFunction" */
  readonly action: string;
  /** Names of the resource; the first one stands in error messages. */
  readonly resources: readonly string[];
  /** Condition keys that belong to this permission alone. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
}

/** A call as the permissions are derived from it. */
export interface ServiceCall {
  /** Signing name: "lambda", "iam", "sts", "logs". */
  readonly service: string;
  readonly operation: string;
  /** The modelled input. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly account: string;
  readonly region: string;
}
