import assert from "node:assert/strict";
import { test } from "node:test";
import { fitTemplate, templateSteps } from "./template-steps.ts";

const ROOT = {
  etc: "/run/x/etc",
  etcMounts: ["ssl/certs"],
  topLinks: { bin: "usr/bin" },
  topDirectories: ["lib64"],
  hiddenDirectories: ["/usr/local/etc"],
  hiddenProcFiles: ["/proc/keys"],
};

function stepsOf(...paths: readonly string[]): string[] {
  const words = templateSteps(
    ROOT,
    paths.map((path) => ({ path, isFile: path.endsWith("-file") })),
  );
  assert.equal(words.length % 3, 0);
  return words.flatMap((word, at) =>
    at % 3 === 0 ? [`${word} ${words[at + 1]} ${words[at + 2]}`.trim()] : [],
  );
}

test("mount points lie beside what the host is shown of", () => {
  const fits = (path: string): boolean => fitTemplate(ROOT, [{ path }]);
  for (const path of [
    "/var/runtime",
    "/opt/python3.13",
    "/mnt/shared",
    "/run/extension-output",
    "/home/me/x",
  ])
    assert.ok(fits(path), path);
  for (const path of [
    "/usr/lib/x",
    "/etc/x",
    "/proc/x",
    "/dev/shm",
    "/bin/x",
    "/lib64/x",
    "/tmp/x",
    "x",
    "/a/../usr",
  ])
    assert.ok(!fits(path), path);
});

test("directories are made before anything could lead out of the template, and it is closed last", () => {
  const steps = stepsOf("/var/runtime", "/run/output-file");
  const at = (step: string): number => {
    assert.ok(steps.includes(step), step);
    return steps.indexOf(step);
  };
  const lastMade = Math.max(at("directory /var/runtime"), at("file /run/output-file"), at("directory /tmp"));
  const first = steps.findIndex((step) => /^(bind|link|memory|devices) /.test(step));
  assert.ok(lastMade < first);
  assert.equal(steps.at(-1), "close /");
});

test("what the host is shown of is what bwrap shows", () => {
  const steps = stepsOf();
  for (const step of [
    "bind /usr /usr",
    "memory /usr/local/etc 4096",
    "close /usr/local/etc",
    "link /bin usr/bin",
    "bind /lib64 /lib64",
    "bind /etc /run/x/etc",
    "bind /etc/ssl/certs /etc/ssl/certs",
    "device /dev/null /dev/null",
    "link /dev/stdin /proc/self/fd/0",
    "close /dev",
  ])
    assert.ok(steps.includes(step), step);
});
