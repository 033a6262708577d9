/** A function URL as its requests are counted. */
export interface CountedUrl {
  readonly account: string;
  readonly region: string;
  readonly functionName: string;
  /** "$LATEST", or the alias that the URL stands for. */
  readonly qualifier: string;
}

/** Where requests to function URLs are counted for those who own the functions. Recording is cheap and never throws. */
export interface UrlMetrics {
  /** A request was answered. `url` is to be the same object as long as the configuration is the same. */
  request(url: CountedUrl, sample: { readonly status: number; readonly latencyMs: number }): void;
}
