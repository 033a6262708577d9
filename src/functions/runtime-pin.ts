import type { RuntimePin } from "../core/function-version.ts";
import type { RuntimeCatalogue } from "../ports/runtime-catalogue.ts";
import type { Deployment, FunctionDocument, FunctionSettings } from "./documents.ts";

/** The version of its runtime that a function version stays with; undefined for the newest one there is. */
export function runtimePin(
  head: Pick<FunctionDocument, "runtimeManagement"> | undefined,
  version: string,
  deployment: Deployment,
): RuntimePin | undefined {
  const management = head?.runtimeManagement?.[version];
  if (management === undefined || management.runtime !== deployment.settings.runtime) return undefined;
  if (management.updateRuntimeOn === "Manual") return { versionHash: management.versionHash, required: true };
  const isSame = management.deploymentId === deployment.deploymentId;
  const versionHash = isSame ? management.versionHash : deployment.runtimeVersionHash;
  return versionHash === undefined ? undefined : { versionHash, required: false };
}

/** What a deployment remembers of its runtime when it is made. */
export function newestRuntime(
  { runtime }: FunctionSettings,
  runtimes: RuntimeCatalogue,
): Pick<Deployment, "runtimeVersionHash"> {
  const newest = runtimes.find(runtime);
  return newest === undefined ? {} : { runtimeVersionHash: newest.versionHash };
}
