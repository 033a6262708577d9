import type { FunctionVersion } from "../core/function-version.ts";
import type { MadeEnvironment } from "../environments/environment-factory.ts";

/** INIT_START, which AWS writes for managed runtimes only. */
export function announceInit({ runtime, log }: MadeEnvironment, version: FunctionVersion): void {
  if (!runtime.managed) return;
  const family = runtime.identifier.replace(/^([a-z]+)(.*?)(?:\.x)?$/, "$1:$2");
  log.initStart(
    `${family}.v${runtime.version}`,
    `arn:aws:lambda:${version.region}::runtime:${runtime.versionHash}`,
  );
}
