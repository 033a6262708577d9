import { execFile } from "node:child_process";

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Runs a program of the operating system to its end, with an environment of its own: nothing in ours may change
 * what it does. Rejects with what it wrote on standard error.
 */
export function runCommand(program: string, ...parameters: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, parameters, { env: { PATH, LC_ALL: "C" } }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${parameters.join(" ")}: ${stderr.trim() || error.message}`));
    });
  });
}
