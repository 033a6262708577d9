import { createHash } from "node:crypto";
import type { Deployment, FunctionDocument, VersionDocument } from "./documents.ts";
import type { FunctionChange } from "./function-repository.ts";
import { runtimePin } from "./runtime-pin.ts";

/** Changes when code or configuration change in a way that a new version would show. */
export function fingerprintOf({ settings, code, architecture }: Deployment): string {
  const environmentVariables = Object.entries(settings.environmentVariables ?? {}).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return createHash("sha256")
    .update(JSON.stringify([{ ...settings, environmentVariables }, code.codeHash, architecture]))
    .digest("hex");
}

/** `document` with its $LATEST published as the next version. */
export function withNextVersion(
  document: FunctionDocument,
  options: {
    readonly description?: string | undefined;
    /** The version becomes Active together with the running creation or update. */
    readonly pending: boolean;
    readonly nowMs: number;
    readonly newId: () => string;
  },
): Required<FunctionChange> {
  const { latest } = document;
  const version = String(document.nextVersion);
  const description = options.description ?? latest.settings.description;
  const published: VersionDocument = {
    schema: 1,
    account: document.account,
    region: document.region,
    functionName: document.functionName,
    functionId: document.functionId,
    version,
    deployment: {
      ...latest,
      // An environment knows its version, so that $LATEST and its published copy never share one.
      deploymentId: options.newId(),
      settings: { ...latest.settings, description },
    },
    revisionId: options.newId(),
    pendingRevisionId: options.newId(),
    lastModifiedMs: options.nowMs,
  };
  const management = document.runtimeManagement?.$LATEST;
  return {
    version: published,
    document: {
      ...document,
      // A version is published as $LATEST runs, and stays with that runtime as $LATEST does.
      ...(management !== undefined && {
        runtimeManagement: {
          ...document.runtimeManagement,
          [version]: {
            ...management,
            versionHash: runtimePin(document, "$LATEST", latest)?.versionHash ?? management.versionHash,
            deploymentId: published.deployment.deploymentId,
          },
        },
      }),
      nextVersion: document.nextVersion + 1,
      lastPublished: { version, fingerprint: fingerprintOf(latest) },
      ...(options.pending && { pendingVersion: version }),
      revisionId: options.newId(),
    },
  };
}
