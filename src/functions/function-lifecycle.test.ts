import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import {
  codeUpdate,
  creation,
  type FunctionFixture,
  functionActions,
  OWNER,
  openFunctions,
  publication,
} from "../../test/support/function-fixture.ts";
import { Unavailable } from "../ports/store.ts";

const ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f";

let fixture: FunctionFixture;
beforeEach(async () => {
  fixture = await openFunctions();
});

const { describeIt, create, updateMemory } = functionActions(() => fixture);

describe("creation", () => {
  test("is answered Pending and turns Active with a new revision id", async () => {
    const created = await fixture.functions.lifecycle.create(OWNER, creation("f"));
    assert.deepEqual(created.state, {
      state: "Pending",
      reason: "The function is being created.",
      reasonCode: "Creating",
    });
    assert.equal(created.lastUpdate, undefined);
    assert.equal(created.functionArn, ARN);
    await fixture.functions.idle();
    const active = describeIt();
    assert.deepEqual([active.state, active.lastUpdate], [{ state: "Active" }, { status: "Successful" }]);
    assert.notEqual(active.revisionId, created.revisionId);
  });

  test("of the same name again, and at the same time, is refused", async () => {
    const message = "Function already exist: f";
    const both = await Promise.allSettled([
      fixture.functions.lifecycle.create(OWNER, creation("f")),
      fixture.functions.lifecycle.create(OWNER, creation("f")),
    ]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    await assert.rejects(fixture.functions.lifecycle.create(OWNER, creation("f")), { status: 409, message });
  });

  test("refuses a Pending function's invocation and update", async () => {
    fixture.codeStore.hold();
    await fixture.functions.lifecycle.create(OWNER, creation("f"));
    const refusal = {
      name: "ResourceConflictException",
      message:
        "The operation cannot be performed at this time. The function is currently in the following state: Pending",
    };
    assert.throws(() => fixture.functions.resolveForInvoke("f", undefined, OWNER), refusal);
    await assert.rejects(updateMemory(256), refusal);
  });

  test("with Publish makes version 1, answered with the unqualified ARN", async () => {
    const created = await fixture.functions.lifecycle.create(OWNER, { ...creation("f"), publish: true });
    assert.deepEqual([created.version, created.functionArn, created.state.state], ["1", ARN, "Pending"]);
    await fixture.functions.idle();
    const version = describeIt("1");
    assert.deepEqual(
      [version.functionArn, version.state, version.lastUpdate],
      [`${ARN}:1`, { state: "Active" }, { status: "Successful" }],
    );
  });

  test("interrupted by a crash is completed at the next start", async () => {
    fixture.codeStore.hold();
    await fixture.functions.lifecycle.create(OWNER, creation("f"));
    fixture.codeStore.hold()();
    await (await fixture.restart()).idle();
    assert.equal(describeIt().state.state, "Active");
  });

  test("of a package that cannot be unpacked fails, and an update repairs it", async () => {
    const release = fixture.codeStore.hold();
    await fixture.functions.lifecycle.create(OWNER, creation("f"));
    fixture.codeStore.packages.clear();
    release();
    await fixture.functions.idle();
    assert.equal(describeIt().state.state, "Failed");
    await fixture.functions.lifecycle.updateCode(OWNER, codeUpdate("f", "good"));
    await fixture.functions.idle();
    assert.deepEqual(describeIt().state, { state: "Active" });
  });

  test("refuses what AWS refuses, with its words", async () => {
    const attempt = (settings: object, extra: object = {}) =>
      fixture.functions.lifecycle.create(OWNER, { ...creation("f", settings), ...extra });
    const invalid = (message: string | RegExp) => ({ name: "InvalidParameterValueException", message });
    await assert.rejects(
      attempt({ runtime: "nope" }),
      invalid(/^Value nope at 'runtime' failed .* or be a valid ARN$/),
    );
    await assert.rejects(
      attempt({ runtime: "go1.x" }),
      invalid(/^The runtime parameter of go1\.x is no longer/),
    );
    await assert.rejects(
      attempt({ runtime: "ruby3.4" }),
      invalid(
        "Runtime ruby3.4 is not installed on this machine. Install it with: lambent runtime install ruby3.4",
      ),
    );
    await assert.rejects(attempt({ handler: undefined }), invalid(/^Runtime and Handler are mandatory/));
    await assert.rejects(attempt({ roleArn: "arn:aws:iam::999999999999:role/r" }), {
      status: 403,
      message: "Cross-account pass role is not allowed.",
    });
    await assert.rejects(attempt({ memoryMb: 10_241 }), invalid(/^'MemorySize' value failed/));
    await assert.rejects(
      attempt({ environmentVariables: { AWS_REGION: "x", _HANDLER: "y" } }),
      invalid(/Reserved keys used in this request: AWS_REGION, _HANDLER$/),
    );
    await assert.rejects(
      attempt({ environmentVariables: { KEY: "x".repeat(4096) } }),
      invalid(/exceeded the 4KB limit\. String measured: \{"KEY":"x+"\}$/),
    );
    await assert.rejects(
      attempt({}, { architecture: "arm64" }),
      invalid(/^Architecture arm64 on this x86_64 machine/),
    );
    const tags = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, ""]));
    await assert.rejects(attempt({}, { tags }), invalid("Number of tags exceeds resource tag limit."));
    await assert.rejects(attempt({ logging: { systemLogLevel: "INFO" } }), invalid(/LogFormat is JSON/));
  });

  test("fills in AWS's defaults", async () => {
    await create();
    const { settings } = describeIt().deployment;
    assert.deepEqual(settings, {
      runtime: "nodejs24.x",
      handler: "index.handler",
      roleArn: "arn:aws:iam::123456789012:role/service",
      description: "",
      timeoutSeconds: 3,
      memoryMb: 128,
      ephemeralStorageMb: 512,
      tracingMode: "PassThrough",
      logging: { logFormat: "Text", logGroup: "/aws/lambda/f" },
    });
  });
});

describe("an update", () => {
  test("shows the new configuration at once, runs the old one until it is through", async () => {
    await create();
    const before = fixture.functions.resolveForInvoke("f", undefined, OWNER);
    const active = describeIt();
    const release = fixture.codeStore.hold();
    const updating = await updateMemory(256);
    assert.deepEqual(updating.lastUpdate, {
      status: "InProgress",
      reason: "The function is being created.",
      reasonCode: "Creating",
    });
    assert.equal(updating.state.state, "Active");
    assert.equal(describeIt().deployment.settings.memoryMb, 256);
    assert.equal(fixture.functions.resolveForInvoke("f", undefined, OWNER).version.memoryMb, 128);
    release();
    await fixture.functions.idle();
    const after = fixture.functions.resolveForInvoke("f", undefined, OWNER);
    assert.equal(after.version.memoryMb, 256);
    assert.notEqual(after.version.deploymentId, before.version.deploymentId);
    assert.deepEqual(describeIt().lastUpdate, { status: "Successful" });
    assert.equal(new Set([active.revisionId, updating.revisionId, describeIt().revisionId]).size, 3);
  });

  test("refuses every other change meanwhile", async () => {
    await create();
    fixture.codeStore.hold();
    await updateMemory(256);
    const refusal = {
      name: "ResourceConflictException",
      message: `The operation cannot be performed at this time. An update is in progress for resource: ${ARN}`,
    };
    await assert.rejects(updateMemory(512), refusal);
    await assert.rejects(fixture.functions.lifecycle.updateCode(OWNER, codeUpdate("f", "2")), refusal);
    await assert.rejects(fixture.functions.lifecycle.publishVersion(OWNER, publication("f")), refusal);
    await assert.rejects(fixture.functions.tags.add(OWNER, ARN, { a: "b" }), refusal);
  });

  test("by one of two callers at once is refused to the other", async () => {
    await create();
    fixture.codeStore.hold();
    const both = await Promise.allSettled([updateMemory(256), updateMemory(512)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  });

  test("interrupted by a crash is completed at the next start, the old code serving until then", async () => {
    await create();
    fixture.codeStore.hold();
    await fixture.functions.lifecycle.updateCode(OWNER, codeUpdate("f", "second"));
    const restarted = await fixture.restart();
    const old = restarted.resolveForInvoke("f", undefined, OWNER).version.codeHash;
    fixture.codeStore.hold()();
    await (await fixture.restart()).idle();
    assert.equal(describeIt().lastUpdate?.status, "Successful");
    assert.notEqual(fixture.functions.resolveForInvoke("f", undefined, OWNER).version.codeHash, old);
  });

  test("that fails leaves the old deployment serving", async () => {
    await create();
    const release = fixture.codeStore.hold();
    const updating = await fixture.functions.lifecycle.updateCode(OWNER, codeUpdate("f", "second"));
    fixture.codeStore.packages.delete(updating.deployment.code.codeHash);
    release();
    await fixture.functions.idle();
    assert.equal(describeIt().lastUpdate?.status, "Failed");
    assert.equal(describeIt().state.state, "Active");
    assert.notEqual(
      fixture.functions.resolveForInvoke("f", undefined, OWNER).version.codeHash,
      updating.deployment.code.codeHash,
    );
  });

  test("with a stale revision id is refused", async () => {
    await create();
    const settings = { functionReference: "f", settings: {}, revisionId: "stale" };
    await assert.rejects(fixture.functions.lifecycle.updateConfiguration(OWNER, settings), {
      name: "PreconditionFailedException",
      status: 412,
      message:
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
    });
  });

  test("as a dry run tells the new hash and changes nothing", async () => {
    await create();
    const before = describeIt();
    const dry = await fixture.functions.lifecycle.updateCode(OWNER, {
      ...codeUpdate("f", "2"),
      dryRun: true,
    });
    assert.notEqual(dry.deployment.code.codeSha256, before.deployment.code.codeSha256);
    assert.deepEqual(describeIt(), before);
  });

  test("with Publish answers the new version, which is Pending until the update is through", async () => {
    await create();
    const release = fixture.codeStore.hold();
    const request = { ...codeUpdate("f", "2"), publish: true };
    const version = await fixture.functions.lifecycle.updateCode(OWNER, request);
    assert.deepEqual(
      [version.version, version.functionArn, version.state.state],
      ["1", `${ARN}:1`, "Pending"],
    );
    assert.equal(describeIt().lastUpdate?.status, "InProgress");
    assert.throws(() => fixture.functions.resolveForInvoke("f", "1", OWNER), { status: 409 });
    release();
    await fixture.functions.idle();
    assert.equal(fixture.functions.resolveForInvoke("f", "1", OWNER).executedVersion, "1");
    assert.notEqual(describeIt("1").revisionId, version.revisionId);
  });

  test("replaces environment variables as a whole and keeps what is not given", async () => {
    await create();
    const change = async (settings: object) => {
      await fixture.functions.lifecycle.updateConfiguration(OWNER, {
        functionReference: "f",
        settings,
        revisionId: undefined,
      });
      await fixture.functions.idle();
      return describeIt().deployment.settings;
    };
    assert.deepEqual((await change({ environmentVariables: { A: "1", B: "2" } })).environmentVariables, {
      A: "1",
      B: "2",
    });
    assert.deepEqual((await change({ environmentVariables: { C: "3" } })).environmentVariables, { C: "3" });
    assert.deepEqual((await change({ timeoutSeconds: 9 })).environmentVariables, { C: "3" });
    assert.deepEqual((await change({ logging: { logFormat: "JSON" } })).logging, {
      logFormat: "JSON",
      applicationLogLevel: "INFO",
      systemLogLevel: "INFO",
      logGroup: "/aws/lambda/f",
    });
    assert.deepEqual((await change({ logging: { logFormat: "Text" } })).logging, {
      logFormat: "Text",
      logGroup: "/aws/lambda/f",
    });
  });
});

describe("a publication", () => {
  test("numbers versions from 1, never again, and is a no-op when nothing changed", async () => {
    await create();
    const publish = () => fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    const latest = describeIt().revisionId;
    const first = await publish();
    assert.deepEqual([first.version, first.functionArn], ["1", `${ARN}:1`]);
    assert.notEqual(describeIt().revisionId, latest, "$LATEST gets a new revision id");
    assert.deepEqual(await publish(), first);
    await updateMemory(256);
    await fixture.functions.idle();
    assert.equal((await publish()).version, "2");
    await fixture.functions.lifecycle.delete(OWNER, "f", "2");
    assert.equal((await publish()).version, "3");
  });

  test("checks the hash it is given", async () => {
    await create();
    const sha = describeIt().deployment.code.codeSha256;
    const request = { ...publication("f"), codeSha256: "wrong" };
    await assert.rejects(fixture.functions.lifecycle.publishVersion(OWNER, request), {
      message: `CodeSHA256 (wrong) is different from current CodeSHA256 in $LATEST (${sha}). Please try again with the CodeSHA256 in $LATEST.`,
    });
  });

  test("interrupted before its last step leaves no version, and its number to the next one", async () => {
    await create();
    fixture.keyValue.failNext("function/", new Error("crash"));
    const publish = () => fixture.functions.lifecycle.publishVersion(OWNER, publication("f"));
    await assert.rejects(publish(), /crash/);
    assert.throws(() => describeIt("1"), { status: 404 });
    await fixture.restart();
    assert.throws(() => describeIt("1"), { status: 404 });
    await updateMemory(512);
    await fixture.functions.idle();
    const version = await publish();
    assert.deepEqual([version.version, version.deployment.settings.memoryMb], ["1", 512]);
    assert.equal(describeIt("1").deployment.settings.memoryMb, 512);
  });

  test("of unknown outcome counts when the store has it", async () => {
    await create();
    fixture.keyValue.failNext("function/", new Unavailable("timeout"), true);
    assert.equal((await fixture.functions.lifecycle.publishVersion(OWNER, publication("f"))).version, "1");
    assert.equal(describeIt("1").version, "1");
  });

  test("by many callers at once yields one version", async () => {
    await create();
    const versions = await Promise.all(
      Array.from({ length: 6 }, () => fixture.functions.lifecycle.publishVersion(OWNER, publication("f"))),
    );
    assert.deepEqual([...new Set(versions.map(({ version }) => version))], ["1"]);
  });
});
