import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { INTERFACE_PREFIX } from "./network-policy.ts";

const SETTINGS = "/proc/sys/net/ipv4/conf";

/** Whether the host passes on what comes in on an interface; `default` stands for interfaces to come. */
export function forwards(name: string): boolean {
  try {
    return readFileSync(join(SETTINGS, name, "forwarding"), "utf8").trim() === "1";
  } catch {
    return false;
  }
}

/** Throws where this process may not, as in containers that show /proc/sys read-only. */
export function setForwarding(name: string, on: boolean): void {
  writeFileSync(join(SETTINGS, name, "forwarding"), on ? "1" : "0");
}

/** Gives interfaces their setting back, unless they are gone or the operator has turned forwarding on for all. */
export function restoreForwarding(names: readonly string[]): void {
  if (forwards("all")) return;
  for (const name of names.filter((candidate) => forwards(candidate))) setForwarding(name, false);
}

/** Of the answer to `ip -json -4 route show table all`. */
export interface Route {
  readonly type?: string;
  readonly dst: string;
  readonly dev?: string;
}

/** The interfaces over which answers may come back. */
export function routedInterfaces(routes: readonly Route[]): string[] {
  const names = routes
    .filter(({ type }) => type === undefined || type === "unicast")
    .flatMap(({ dev }) => (dev === undefined ? [] : [dev]))
    .filter((name) => name !== "lo" && !name.startsWith(INTERFACE_PREFIX));
  return [...new Set(names)];
}
