/** What the host of a function URL says. */
export interface UrlHost {
  readonly urlId: string;
  readonly region: string;
  /** Without the port. */
  readonly domainName: string;
}

const HOST = /^(([a-z0-9-]+)\.lambda-url\.([a-z0-9-]+)\.[a-z0-9.-]+?)\.?(?::\d+)?$/i;

/**
 * Reads the Host header of a request to a function URL, on AWS's own domain or any other; undefined for every other
 * host. Cheap for those: all requests of the AWS API come by here.
 */
export function readUrlHost(host: string | undefined): UrlHost | undefined {
  if (host === undefined || !host.includes(".lambda-url.")) return undefined;
  const [, domainName, urlId, region] = HOST.exec(host) ?? [];
  if (domainName === undefined || urlId === undefined || region === undefined) return undefined;
  return { urlId: urlId.toLowerCase(), region: region.toLowerCase(), domainName };
}
