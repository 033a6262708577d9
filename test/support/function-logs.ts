import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { clientConfiguration } from "./deploy.ts";

const LOGGED_WITHIN_MS = 10_000;
const POLL_MS = 100;

/** All that stands in a function's log group. */
export async function logOf(endpoint: string, functionName: string): Promise<string> {
  const logs = new CloudWatchLogsClient(clientConfiguration(endpoint));
  const logGroupName = `/aws/lambda/${functionName}`;
  const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName }));
  logs.destroy();
  return (events ?? []).map(({ message }) => message).join("");
}

/** Waits until a function's log has all of these, and returns it. */
export async function untilLogged(
  endpoint: string,
  functionName: string,
  ...patterns: readonly RegExp[]
): Promise<string> {
  for (const deadlineMs = performance.now() + LOGGED_WITHIN_MS; ; await delay(POLL_MS)) {
    const text = await logOf(endpoint, functionName);
    if (patterns.every((pattern) => pattern.test(text))) return text;
    assert.ok(performance.now() < deadlineMs, text);
  }
}
