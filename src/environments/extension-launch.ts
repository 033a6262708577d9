import { exitOfStatus } from "../core/exit-status.ts";
import { EXTENSION_OUTPUT_PATH, type SandboxProgram } from "../ports/sandbox.ts";

/** Of the frames on the telemetry descriptor, those of the start script; `supervisionEvent` reads their texts. */
const EXTENSION_ENDED_FRAME = 0x00e0;
const RUNTIME_ENDED_FRAME = 0x00e1;

/** What the start script tells of the processes below it. */
export type SupervisionEvent =
  | { readonly kind: "extension ended"; readonly name: string; readonly status: number }
  | {
      readonly kind: "runtime ended";
      readonly exit: {
        readonly code: number | null;
        readonly signal: string | null;
        readonly outOfMemory: false;
      };
    };

/**
 * Variables that are for the runtime alone, or for its start. AWS: extensions do not see them ("Using the Lambda
 * Extensions API": environment variables).
 */
const HIDDEN_VARIABLES = [
  "LAMBENT_LISTEN",
  "_LAMBDA_TELEMETRY_LOG_FD",
  "_LAMBENT_CODE_CACHE",
  "_HANDLER",
  "AWS_EXECUTION_ENV",
  "AWS_LAMBDA_LOG_GROUP_NAME",
  "AWS_LAMBDA_LOG_STREAM_NAME",
  "LAMBDA_TASK_ROOT",
  "LAMBDA_RUNTIME_DIR",
  "AWS_XRAY_CONTEXT_MISSING",
  "_AWS_XRAY_DAEMON_ADDRESS",
  "_AWS_XRAY_DAEMON_PORT",
];

const octal = (byte: number): string => byte.toString(8).padStart(3, "0");

/**
 * Starts every program in /opt/extensions and the runtime, and stays their parent, so that each can end by itself.
 * Each extension has a subshell beside it, which waits until the Runtime API is listened on (its port in
 * /proc/net/tcp), keeps the runtime's descriptors and output from it, and reports its end. SIGTERM is handed on to the runtime; a
 * second one kills it. What there is to report goes to the telemetry descriptor as frames, whose length `printf` gets
 * as two octal bytes. Only what a shell can do by itself, and `sleep`; what it says of processes that a signal has ended
 * is nobody's output.
 */
const SCRIPT = `
api=$(printf '0100007F:%04X' "\${AWS_LAMBDA_RUNTIME_API##*:}")
report() (
  LC_ALL=C
  text=$2
  printf "\\\\245\\\\132\\\\000\\\\$1\\\\000\\\\000\\\\$(printf %03o $((\${#text} / 256)))\\\\$(printf %03o $((\${#text} % 256)))\\\\000\\\\000\\\\000\\\\000\\\\000\\\\000\\\\000\\\\000%s" "$text" >&4
)
until_api_listens() {
  while :; do
    while read -r _ local _ state _; do
      [ "$local $state" = "$api 0A" ] && return
    done < /proc/net/tcp
    sleep 0.01
  done
}
for extension in /opt/extensions/* /opt/extensions/.[!.]* /opt/extensions/..?*; do
  [ -f "$extension" ] || continue
  (
    exec 3>&- 2>/dev/null
    until_api_listens
    (
      unset ${HIDDEN_VARIABLES.join(" ")}
      exec "$extension" 4>&- >>${EXTENSION_OUTPUT_PATH} 2>&1
    )
    report ${octal(EXTENSION_ENDED_FRAME)} "$?/\${extension##*/}"
  ) &
done
"$@" &
runtime=$!
exec 3>&- 2>/dev/null
signal=TERM
trap 'kill -s "$signal" "$runtime" 2>/dev/null; signal=KILL' TERM
while :; do
  wait "$runtime"
  status=$?
  kill -0 "$runtime" 2>/dev/null || break
done
report ${octal(RUNTIME_ENDED_FRAME)} "$status"
wait
exit "$status"
`;

/** The program with the extensions of /opt beside it. */
export function withExtensions(program: SandboxProgram): SandboxProgram {
  return { ...program, command: ["/bin/sh", "-c", SCRIPT, "runtime", ...program.command] };
}

/** Reads a frame of the start script; undefined when it is none. Any process in the sandbox may have written it. */
export function supervisionEvent(frameType: number, text: string): SupervisionEvent | undefined {
  switch (frameType) {
    case EXTENSION_ENDED_FRAME: {
      const separator = text.indexOf("/");
      const status = Number(text.slice(0, Math.max(separator, 0)));
      return { kind: "extension ended", name: text.slice(separator + 1), status };
    }
    case RUNTIME_ENDED_FRAME:
      return { kind: "runtime ended", exit: { ...exitOfStatus(Number(text)), outOfMemory: false } };
    default:
      return undefined;
  }
}
