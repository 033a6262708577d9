import { type LookupAddress, type LookupOptions, lookup } from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { METADATA_ADDRESSES } from "../../core/metadata-addresses.ts";
import type { HttpDeliveries } from "../../ports/http-deliveries.ts";

/** AWS: an endpoint has fifteen seconds to answer. */
const ANSWER_MS = 15_000;

/** Where clouds keep their machines' credentials: nobody who may subscribe is to reach these from this host. */
const metadata = new BlockList();
metadata.addSubnet("169.254.0.0", 16);
metadata.addSubnet("fe80::", 10, "ipv6");
metadata.addAddress("fd00:ec2::254", "ipv6");
for (const address of METADATA_ADDRESSES) metadata.addAddress(address);
const ownHost = new BlockList();
ownHost.addSubnet("127.0.0.0", 8);
ownHost.addAddress("0.0.0.0");
ownHost.addAddress("::1", "ipv6");
ownHost.addAddress("::", "ipv6");

/** Also under the addresses of its interfaces, which may come and go. */
function isOwnHost(address: string, family: "ipv4" | "ipv6"): boolean {
  if (ownHost.check(address, family)) return true;
  const own = new BlockList();
  for (const { address: each, family: its } of Object.values(networkInterfaces()).flatMap((all) => all ?? []))
    own.addAddress(each, its === "IPv6" ? "ipv6" : "ipv4");
  return own.check(address, family);
}

/** `allowsOwnHost`: services on this machine may be told, which is for a developer's machine. */
export function createHttpDeliveries({ allowsOwnHost }: { readonly allowsOwnHost: boolean }): HttpDeliveries {
  const isRefused = (address: string): boolean => {
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    return metadata.check(address, family) || (!allowsOwnHost && isOwnHost(address, family));
  };
  const refused = (address: string): Error => new Error(`Messages are not delivered to ${address}.`);
  const checkedLookup = (
    hostname: string,
    options: LookupOptions,
    callback: (
      error: NodeJS.ErrnoException | null,
      address: string | LookupAddress[],
      family?: number,
    ) => void,
  ): void =>
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first, ...others] = addresses ?? [];
      const bad = [first, ...others].find((each) => each !== undefined && isRefused(each.address));
      if (error !== null || first === undefined) callback(error ?? new Error("no address"), "");
      else if (bad !== undefined) callback(refused(bad.address), "");
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  return {
    post: (url, headers, body) =>
      new Promise((resolve, reject) => {
        const target = new URL(url);
        const host = target.hostname.replace(/^\[|\]$/g, "");
        if (isIP(host) !== 0 && isRefused(host)) {
          reject(refused(host));
          return;
        }
        const send = target.protocol === "https:" ? httpsRequest : httpRequest;
        const signal = AbortSignal.timeout(ANSWER_MS);
        const options = {
          method: "POST",
          headers: { ...headers, "content-length": Buffer.byteLength(body) },
          lookup: checkedLookup,
          signal,
        };
        const request = send(target, options, (response) => {
          // Redirections are answers like others, as for AWS; what is in them is of no interest.
          resolve(response.statusCode ?? 0);
          response.destroy();
        });
        request.on("error", reject);
        request.end(body);
      }),
  };
}
