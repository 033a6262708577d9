import type { HttpDeliveries } from "../../ports/http-deliveries.ts";

/** AWS: an endpoint has fifteen seconds to answer. */
const ANSWER_MS = 15_000;

/** HTTP endpoints; redirections are answers like others, as for AWS. */
export const httpDeliveries: HttpDeliveries = {
  async post(url, headers, body) {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(url, { method: "POST", headers, body, signal, redirect: "manual" });
    await response.body?.cancel();
    return response.status;
  },
};
