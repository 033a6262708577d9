import type { FunctionVersion } from "../core/function-version.ts";
import type { InitPhase } from "../core/platform-records.ts";
import type { MadeEnvironment } from "../environments/environment-factory.ts";

/** INIT_START; AWS tells the runtime's version of managed runtimes only. */
export function announceInit(
  { runtime, log }: MadeEnvironment,
  version: FunctionVersion,
  phase: InitPhase = "init",
): void {
  if (!runtime.managed) {
    log.initStart({ phase });
    return;
  }
  const family = runtime.identifier.replace(/^([a-z]+)(.*?)(?:\.x)?$/, "$1:$2");
  log.initStart({
    phase,
    runtimeVersion: `${family}.v${runtime.version}`,
    runtimeVersionArn: `arn:aws:lambda:${version.region}::runtime:${runtime.versionHash}`,
  });
}
