import assert from "node:assert/strict";
import { test } from "node:test";
import { type FirewallSettings, firewallRules } from "./firewall-rules.ts";

const SETTINGS: FirewallSettings = {
  table: "lambent_abc",
  interfacePrefix: "lmbabc",
  range: "100.64.0.0/17",
  gateway: "100.64.0.1",
  policy: "internet",
  openedInterfaces: [],
  resolvers: [],
  nameForwarderPort: undefined,
  countsConnections: true,
};

function lineOf(rules: string, text: string): number {
  const at = rules.split("\n").findIndex((line) => line.includes(text));
  assert.ok(at >= 0, `${text} in ${rules}`);
  return at;
}

test("the table replaces its earlier self in one step", () => {
  const lines = firewallRules(SETTINGS).split("\n");
  assert.deepEqual(lines.slice(0, 3), [
    "table inet lambent_abc",
    "delete table inet lambent_abc",
    "table inet lambent_abc {",
  ]);
});

test("private ranges are refused for internet only, metadata and mail always", () => {
  const all = firewallRules({ ...SETTINGS, policy: "all" });
  assert.match(firewallRules(SETTINGS), /10\.0\.0\.0\/8/);
  assert.doesNotMatch(all, /10\.0\.0\.0\/8/);
  for (const rules of [firewallRules(SETTINGS), all]) {
    assert.match(rules, /169\.254\.169\.254.*goto refused/);
    assert.match(rules, /tcp dport 25 goto refused/);
  }
});

test("a resolver's port is open although its address is refused, and nothing of the range itself", () => {
  const rules = firewallRules({ ...SETTINGS, resolvers: ["10.0.0.2"] });
  assert.ok(lineOf(rules, "{ 10.0.0.2 }") < lineOf(rules, "10.0.0.0/8"));
  assert.ok(lineOf(rules, "ip daddr 100.64.0.0/17 goto refused") < lineOf(rules, "{ 10.0.0.2 }"));
});

test("connections are counted before any is let through, where that can be done", () => {
  const rules = firewallRules({ ...SETTINGS, nameForwarderPort: 4053 });
  assert.ok(lineOf(rules, "ct count over") < lineOf(rules, "th dport 53 return"));
  assert.ok(lineOf(rules, "set connections") < lineOf(rules, "ct count over"));
  assert.doesNotMatch(firewallRules({ ...SETTINGS, countsConnections: false }), /connections/);
});

test("without a name forwarder no port of the host is open", () => {
  assert.doesNotMatch(firewallRules(SETTINGS), /redirect|dport 53/);
  assert.match(firewallRules({ ...SETTINGS, nameForwarderPort: 4053 }), /redirect to :4053/);
});
