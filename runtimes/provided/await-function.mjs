import { handOverListeners } from "../nodejs/hand-over.cjs";

/**
 * For launchers that become another program: hands the listeners over and, where this process was started to wait, takes
 * its assignment. When it resolves, the function's variables and code are there.
 */
export async function awaitFunction() {
  const isReserve = await handOverListeners();
  if (!isReserve) return;
  const { rehearseReplacement, takeAssignment } = await import("../nodejs/assignment.cjs");
  rehearseReplacement();
  const { client, codeIsThere } = await takeAssignment();
  await codeIsThere;
  client.close();
}
