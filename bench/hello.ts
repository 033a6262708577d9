import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The same function, which answers "hello" and does nothing else, in languages that need no compiler. */
export const HELLO = {
  node: { "index.js": 'exports.handler = async () => "hello";\n' },
  python: { "index.py": 'def handler(event, context):\n    return "hello"\n' },
  ruby: { "index.rb": 'def handler(event:, context:) = "hello"\n' },
} as const;

const JAVA_SOURCE = 'public class Hello { public String handle(Object event) { return "hello"; } }\n';

/** In Java, with the handler `Hello::handle`; undefined where there is no compiler. */
export function helloInJava(): Readonly<Record<string, Uint8Array>> | undefined {
  const directory = mkdtempSync(join(tmpdir(), "lambent-bench-java-"));
  try {
    writeFileSync(join(directory, "Hello.java"), JAVA_SOURCE);
    execFileSync("javac", ["--release", "11", "Hello.java"], { cwd: directory, stdio: "ignore" });
    return { "Hello.class": readFileSync(join(directory, "Hello.class")) };
  } catch {
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
