import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const CLIENT = join(import.meta.dirname, "Lambent.Runtime.dll");
const DEPENDENCIES = ".deps.json";
const SETTINGS = ".runtimeconfig.json";

/** What keeps a function from being started. AWS: these texts and exit statuses, of the managed runtimes' start script. */
export class StartFault extends Error {
  constructor(message, exitStatus) {
    super(message);
    this.exitStatus = exitStatus;
  }
}

/**
 * The command line that runs a function: `command`, and whether the program brings its own client of the Runtime API.
 * A handler with colons is a method of a class library, whose .deps.json and .runtimeconfig.json become those of
 * the process; one without names an executable assembly, or a program.
 */
export function functionProgram(dotnet, variables) {
  const { _HANDLER: handler = "", LAMBDA_TASK_ROOT: root = "/var/task" } = variables;
  if (handler === "") throw new StartFault("No Lambda Handler function was specified.", 103);
  if (!handler.includes(":")) return executableProgram(dotnet, join(root, handler));
  const named = variables.LAMBDA_DOTNET_MAIN_ASSEMBLY || handler.slice(0, handler.indexOf(":"));
  const assembly = named.replace(/[.]dll$/, "");
  const dependencies = packageFile(root, assembly, DEPENDENCIES, 105);
  const settings = packageFile(root, assembly, SETTINGS, 106);
  return {
    command: [dotnet, "exec", "--depsfile", dependencies, "--runtimeconfig", settings, CLIENT],
    bringsItsClient: false,
  };
}

function executableProgram(dotnet, path) {
  const assembly = path.endsWith(".dll") ? path : `${path}.dll`;
  if (existsSync(assembly)) return { command: [dotnet, "exec", assembly], bringsItsClient: true };
  if (existsSync(path)) return { command: [path], bringsItsClient: true };
  throw new StartFault(`executable assembly ${assembly} or binary ${path} not found.`, 104);
}

/** That of the assembly, or the only one there is. */
function packageFile(root, assembly, suffix, exitStatus) {
  const own = join(root, `${assembly}${suffix}`);
  if (existsSync(own)) return own;
  const others = existsSync(root) ? readdirSync(root).filter((name) => name.endsWith(suffix)) : [];
  if (others.length === 1) return join(root, others[0]);
  throw new StartFault(
    `.NET binaries for Lambda function are not correctly installed in the ${root} directory of the image when the image was built. The ${root} directory is missing the required ${suffix} file.`,
    exitStatus,
  );
}
