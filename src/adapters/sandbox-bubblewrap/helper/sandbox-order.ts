import type { SandboxView } from "../bubblewrap-arguments.ts";

/** AWS: where code and layers are; as bwrap does, whatever the function's variables say. */
const STARTED_IN = "/var/task";

interface ShownMount {
  readonly source: string;
  readonly sandboxPath: string;
  readonly access: "ro" | "rw";
}

/** In the order in which they are made: code and layers, and a mount point below another mount finds it there. */
function mountsOf(view: SandboxView): ShownMount[] {
  const readOnly = [...view.mounts].sort((a, b) => a.sandboxPath.length - b.sandboxPath.length);
  const { layersDirectory } = view;
  return [
    { source: view.codeDirectory, sandboxPath: STARTED_IN, access: "ro" },
    ...(layersDirectory === undefined
      ? []
      : [{ source: layersDirectory, sandboxPath: "/opt", access: "ro" } as const]),
    ...readOnly.map((mount) => ({ ...mount, access: "ro" }) as const),
    ...view.fileSystems.map((mount) => ({ ...mount, access: "rw" }) as const),
  ];
}

/**
 * The words with which the helper gives a sandbox that it has built what it is to show and what it runs (`start` in
 * `build-source.ts`). Without a program the sandbox is held for what is forked into it. Throws when a value contains
 * a NUL character, which would end the word in its middle.
 */
export function sandboxOrder(view: SandboxView, program: readonly string[] = []): string[] {
  const mounts = mountsOf(view);
  const { hiddenProcFiles } = view.rootFileSystem;
  const variables = { ...view.environmentVariables, PWD: STARTED_IN };
  const words = [
    String(mounts.length),
    ...mounts.flatMap(({ source, access }) => [source, access]),
    "path" in view.scratch ? "" : String(view.scratch.sizeBytes),
    String(hiddenProcFiles.length),
    ...hiddenProcFiles,
    ...mounts.map(({ sandboxPath }) => sandboxPath),
    String(program.length),
    ...program,
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
  ];
  if (words.some((word) => word.includes("\0")))
    throw new Error("an environment variable or path contains a NUL character");
  return words;
}
