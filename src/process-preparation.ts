import { closeInheritedDescriptors } from "./adapters/sandbox-bubblewrap/inherited-descriptors.ts";
import {
  enterPrivateMountNamespace,
  releaseInheritedMounts,
} from "./adapters/sandbox-bubblewrap/private-mount-namespace.ts";
import type { Configuration } from "./config.ts";

/**
 * What has to happen before anything is opened: descriptors inherited from the caller are closed, so that none of
 * them reaches a function, and the process moves into a mount namespace of its own, so that no mount outlives it. The
 * second replaces the process by itself, which is why it comes before everything that takes time.
 */
export function prepareProcess(configuration: Pick<Configuration, "isolation">): void {
  closeInheritedDescriptors();
  if (configuration.isolation !== "process") enterPrivateMountNamespace(process.argv.slice(1));
}

/** The same for a process that Lambent starts beside itself. */
export function prepareDataPlaneProcess(configuration: Pick<Configuration, "isolation">): void {
  prepareProcess(configuration);
  releaseInheritedMounts();
}
