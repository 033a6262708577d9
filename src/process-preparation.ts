import { closeInheritedDescriptors } from "./adapters/sandbox-bubblewrap/inherited-descriptors.ts";
import { enterPrivateMountNamespace } from "./adapters/sandbox-bubblewrap/private-mount-namespace.ts";
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
