import { setTimeout as delay } from "node:timers/promises";
import { runCommand } from "../run-command.ts";

const ATTEMPTS = 6;
const PAUSE_MS = 20;

/**
 * What `nft list` says, as JSON. nft fails without a word when somebody else changes something while it reads, which is
 * tried again some times.
 */
export async function listedRules(...what: readonly string[]): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    try {
      return JSON.parse(await runCommand("nft", "-j", "list", ...what));
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await delay(PAUSE_MS * attempt);
    }
  }
}
