/** Sends what services tell HTTP endpoints. */
export interface HttpDeliveries {
  /** Resolves with the status, whatever it is; rejects when nobody answered in time. */
  post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<number>;
}
