/** Has an interrupted measurement end what it has started: that is done when the process exits, which signals skip. */
export function endWhatWasStarted(): void {
  process.once("SIGINT", () => process.exit(130));
  process.once("SIGTERM", () => process.exit(143));
}
