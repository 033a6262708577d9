import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { type Answers, Channel, ChannelClosed } from "./channel.ts";

type Calls = {
  readonly double: { readonly question: number; readonly answer: number };
  readonly note: { readonly question: string; readonly answer: undefined };
};
type None = Record<never, never>;

function pair(answers: Answers<Calls>) {
  const [left, right] = duplexPair();
  const asking = new Channel<Calls, None>(left, {});
  new Channel<None, Calls>(right, answers);
  return { asking, right };
}

test("calls are taken in their order, whether an answer is wanted or not", async () => {
  const taken: unknown[] = [];
  const { asking } = pair({
    double: async (value) => {
      taken.push(value);
      return 2 * value;
    },
    note: (text) => {
      taken.push(text);
      return undefined;
    },
  });
  asking.tell("note", "first");
  const answers = [asking.ask("double", 4)];
  asking.tell("note", "ünï\n".repeat(20_000));
  answers.push(asking.ask("double", 5));
  assert.deepEqual(await Promise.all(answers), [8, 10]);
  assert.deepEqual(taken, ["first", 4, "ünï\n".repeat(20_000), 5]);
});

test("a failure is the asker's", async () => {
  const { asking } = pair({
    double: () => {
      throw new Error("no");
    },
    note: () => undefined,
  });
  await assert.rejects(asking.ask("double", 1), /^Error: no$/);
});

test("whoever waits for a process that ends is told", async () => {
  const { asking, right } = pair({ double: () => new Promise(() => undefined), note: () => undefined });
  const waiting = asking.ask("double", 1);
  right.destroy();
  asking.close();
  await assert.rejects(waiting, ChannelClosed);
  await asking.closed;
  await assert.rejects(asking.ask("double", 1), ChannelClosed);
  asking.tell("note", "nobody hears it");
});
