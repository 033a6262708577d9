import type { SandboxMount, SandboxRequest } from "../../ports/sandbox.ts";

/** Variables with paths in them, one or several with ':' between. */
const PATH_VARIABLES = [
  "PATH",
  "LD_LIBRARY_PATH",
  "NODE_PATH",
  "PYTHONPATH",
  "GEM_PATH",
  "RUBYLIB",
  "LAMBDA_TASK_ROOT",
  "LAMBDA_RUNTIME_DIR",
];

/** Where the paths of a sandbox are when there is none: each mount's path on the host instead. */
export class SandboxPaths {
  readonly #mounts: readonly SandboxMount[];

  constructor(request: Pick<SandboxRequest, "codeDirectory" | "layersDirectory" | "program">) {
    const task = { hostPath: request.codeDirectory, sandboxPath: "/var/task" };
    const { layersDirectory } = request;
    const layers = layersDirectory === undefined ? [] : [{ hostPath: layersDirectory, sandboxPath: "/opt" }];
    // The most deeply mounted path decides.
    this.#mounts = [...request.program.mounts, task, ...layers].sort(
      (a, b) => b.sandboxPath.length - a.sandboxPath.length,
    );
  }

  /** The path on the host; a path below no mount is the host's own. */
  translate(path: string): string {
    for (const { hostPath, sandboxPath } of this.#mounts) {
      if (path === sandboxPath) return hostPath;
      if (path.startsWith(`${sandboxPath}/`)) return hostPath + path.slice(sandboxPath.length);
    }
    return path;
  }

  /** The variables with every path in those that hold paths translated. */
  translateVariables(variables: Readonly<Record<string, string>>): Record<string, string> {
    const translated = { ...variables };
    for (const name of PATH_VARIABLES) {
      const value = variables[name];
      if (value !== undefined)
        translated[name] = value
          .split(":")
          .map((path) => this.translate(path))
          .join(":");
    }
    return translated;
  }
}
