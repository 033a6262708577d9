import type { NotificationConfiguration } from "./notification-configuration.ts";

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** One rule of a bucket's CORS configuration. */
export interface CorsRule {
  readonly id?: string | undefined;
  readonly allowedOrigins: readonly string[];
  readonly allowedMethods: readonly string[];
  readonly allowedHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number | undefined;
}

/** A bucket as it is kept. */
export interface Bucket {
  readonly name: string;
  /** Of this bucket alone: one made later under the same name has another. */
  readonly id: string;
  readonly account: string;
  readonly region: string;
  readonly createdMs: number;
  /** Undefined: never switched on. */
  readonly versioning: "Enabled" | "Suspended" | undefined;
  readonly tags: readonly Tag[];
  readonly cors: readonly CorsRule[];
  /** JSON text as it was given. */
  readonly policy: string | undefined;
  readonly notification: NotificationConfiguration;
}

export const bucketArn = (name: string): string => `arn:aws:s3:::${name}`;
