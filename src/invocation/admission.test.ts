import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { functionVersion } from "../../test/support/scripted-environments.ts";
import { Admission, type VersionAdmission } from "./admission.ts";

const NAME = { account: "000000000000", region: "us-east-1", functionName: "hello" };
const OTHER = { ...NAME, functionName: "other" };
const RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded";
const ACCOUNT = "ConcurrentInvocationLimitExceeded";

const reservation = (reserved: number | undefined, ...provisioned: number[]) => ({
  ...NAME,
  reserved,
  provisioned: provisioned.map((requested, index) => ({
    version: functionVersion({ version: String(index + 1) }),
    requested,
    lastModifiedMs: 0,
  })),
});

/** How many enter before one is refused, and why it is. */
function fill(version: VersionAdmission, nowMs = 0): [number, string] {
  for (let entered = 0; ; entered++) {
    const reason = version.enter(nowMs);
    if (reason !== undefined) return [entered, reason];
  }
}

describe("concurrency that is lent to other processes", () => {
  test("is in use, until it is taken back", () => {
    const admission = new Admission(10);
    assert.deepEqual(admission.lend(NAME, { units: 4, invocations: 0 }, 0), { units: 4, invocations: 1 });
    assert.deepEqual(fill(admission.acquire(NAME)), [6, ACCOUNT]);
    assert.equal(admission.lend(NAME, { units: 4, invocations: 0 }, 0).units, 0);
    admission.takeBack(NAME, { units: 3, invocations: 0 });
    assert.equal(admission.lend(NAME, { units: 4, invocations: 0 }, 0).units, 3);
  });

  test("counts against what its function reserves from then on, and for nobody else", () => {
    const admission = new Admission(10);
    admission.lend(NAME, { units: 3, invocations: 0 }, 0);
    const elsewhere = admission.acquire(NAME);
    for (let running = 0; running < 3; running++) elsewhere.noteElsewhere(1);
    admission.configure(reservation(4));
    assert.deepEqual(fill(admission.acquire(NAME)), [1, RESERVED]);
    assert.deepEqual(fill(admission.acquire(OTHER)), [6, ACCOUNT]);
    elsewhere.noteElsewhere(-1);
    assert.deepEqual(fill(admission.acquire(NAME)), [1, RESERVED]);
    assert.equal(admission.acquire(OTHER).enter(0), ACCOUNT, "its unit is still lent");
    admission.takeBack(NAME, { units: 1, invocations: 0 });
    assert.equal(admission.acquire(OTHER).functionInFlight, 6);
  });
});

describe("reserved concurrency", () => {
  test("is a cap over all versions and is taken from the others", () => {
    const admission = new Admission(10);
    admission.configure(reservation(4));
    const [latest, first] = [admission.acquire(NAME), admission.acquire(NAME)];
    assert.equal(latest.enter(0), undefined);
    assert.deepEqual(fill(first), [3, RESERVED]);
    assert.equal(latest.enter(0), RESERVED);
    assert.deepEqual(fill(admission.acquire(OTHER)), [6, ACCOUNT]);
    first.leave();
    assert.equal(latest.enter(0), undefined);
  });

  test("is a guarantee when the rest of the account is in use", () => {
    const admission = new Admission(10);
    admission.configure(reservation(4));
    assert.deepEqual(fill(admission.acquire(OTHER)), [6, ACCOUNT]);
    assert.deepEqual(fill(admission.acquire(NAME)), [4, RESERVED]);
  });

  test("of 0 turns the function off", () => {
    const admission = new Admission(10);
    admission.configure(reservation(0));
    assert.deepEqual(fill(admission.acquire(NAME)), [0, RESERVED]);
  });

  test("set and taken away while invocations run counts each of them once", () => {
    const admission = new Admission(10);
    const [hello, other] = [admission.acquire(NAME), admission.acquire(OTHER)];
    for (let i = 0; i < 3; i++) assert.equal(hello.enter(0), undefined);
    admission.configure(reservation(4));
    assert.deepEqual(fill(other), [6, ACCOUNT]);
    for (let i = 0; i < 6; i++) other.leave();
    admission.configure(reservation(undefined));
    assert.deepEqual(fill(other), [7, ACCOUNT]);
    for (let i = 0; i < 3; i++) hello.leave();
    assert.deepEqual(fill(other), [3, ACCOUNT]);
  });

  test("of another account or region is not felt", () => {
    const admission = new Admission(10);
    admission.configure(reservation(10));
    assert.deepEqual(fill(admission.acquire({ ...OTHER, region: "eu-west-1" })), [10, ACCOUNT]);
    assert.deepEqual(fill(admission.acquire(OTHER)), [0, ACCOUNT]);
  });
});

describe("provisioned concurrency", () => {
  test("equal to what is reserved throttles $LATEST and leaves the version all of it", () => {
    const admission = new Admission(10);
    admission.configure(reservation(3, 3));
    const [latest, first] = [admission.acquire(NAME), admission.acquire(NAME)];
    first.setProvisioned(3);
    assert.deepEqual(fill(latest), [0, RESERVED]);
    assert.deepEqual(fill(first), [3, RESERVED]);
  });

  test("spills over into what is reserved beyond it", () => {
    const admission = new Admission(10);
    admission.configure(reservation(5, 3));
    const [latest, first] = [admission.acquire(NAME), admission.acquire(NAME)];
    first.setProvisioned(3);
    assert.deepEqual(fill(first), [5, RESERVED]);
    assert.equal(latest.enter(0), RESERVED);
    first.leave();
    assert.equal(latest.enter(0), undefined);
    for (let i = 0; i < 4; i++) first.leave();
    assert.deepEqual(fill(latest), [1, RESERVED]);
  });

  test("of a function without reservation is taken from the account, and is the version's own", () => {
    const admission = new Admission(10);
    admission.configure(reservation(undefined, 3));
    const first = admission.acquire(NAME);
    first.setProvisioned(3);
    assert.deepEqual(fill(admission.acquire(OTHER)), [7, ACCOUNT]);
    assert.deepEqual(fill(first), [3, ACCOUNT]);
  });

  test("changed while invocations run counts each of them once", () => {
    const admission = new Admission(10);
    const [hello, other] = [admission.acquire(NAME), admission.acquire(OTHER)];
    for (let i = 0; i < 4; i++) assert.equal(hello.enter(0), undefined);
    admission.configure(reservation(undefined, 3));
    hello.setProvisioned(3);
    assert.deepEqual(fill(other), [6, ACCOUNT]);
    admission.configure(reservation(undefined));
    hello.setProvisioned(0);
    assert.equal(other.enter(0), ACCOUNT);
    for (let i = 0; i < 4; i++) hello.leave();
    assert.deepEqual(fill(other), [4, ACCOUNT]);
  });
});

describe("rates", () => {
  /** Short invocations one after the other, all at the same instant. */
  function burst(version: VersionAdmission, nowMs: number): [number, string] {
    for (let ran = 0; ; ran++) {
      const reason = version.enter(nowMs);
      if (reason !== undefined) return [ran, reason];
      version.leave();
    }
  }

  test("ten requests a second for each unit of the account's concurrency, refilled continuously", () => {
    const admission = new Admission(2);
    const version = admission.acquire(NAME);
    const reason = "FunctionInvocationRateLimitExceeded";
    assert.deepEqual(burst(version, 0), [20, reason]);
    assert.deepEqual(burst(admission.acquire(OTHER), 0), [0, reason]);
    assert.deepEqual(burst(version, 500), [10, reason]);
    assert.deepEqual(burst(version, 60_000), [20, reason]);
  });

  test("ten requests a second for each unit of reserved concurrency", () => {
    const admission = new Admission(200);
    admission.configure(reservation(1));
    const version = admission.acquire(NAME);
    assert.deepEqual(burst(version, 0), [10, "ReservedFunctionInvocationRateLimitExceeded"]);
    assert.equal(admission.acquire(OTHER).enter(0), undefined);
    admission.configure(reservation(2));
    assert.equal(burst(version, 0)[0], 10);
  });

  test("a thousand new environments in ten seconds for each function", () => {
    const admission = new Admission(10_000);
    const [first, second] = [admission.acquire(NAME), admission.acquire(NAME)];
    for (let i = 0; i < 1000; i++) assert.ok(first.mayStartEnvironment(0));
    assert.equal(second.mayStartEnvironment(0), false);
    assert.ok(admission.acquire(OTHER).mayStartEnvironment(0));
    for (let i = 0; i < 100; i++) assert.ok(second.mayStartEnvironment(1_000));
    assert.equal(second.mayStartEnvironment(1_000), false);
  });
});
