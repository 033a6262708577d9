import { EXTENSION_OUTPUT_PATH, type SandboxProgram } from "../ports/sandbox.ts";

/** Of the frames on the telemetry descriptor: an extension's process has ended; the text is its status and name. */
export const EXTENSION_ENDED_FRAME = 0x00e0;

/**
 * Variables that are for the runtime alone, or for its start. AWS: extensions do not see them ("Using the Lambda
 * Extensions API": environment variables).
 */
const HIDDEN_VARIABLES = [
  "LAMBENT_LISTEN",
  "NODE_CHANNEL_FD",
  "NODE_CHANNEL_SERIALIZATION_MODE",
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

/**
 * Starts every program in /opt/extensions and becomes the runtime. Each extension has a subshell beside it, which waits
 * until the Runtime API is listened on (its port in /proc/net/tcp), keeps the runtime's descriptors and output from it,
 * and reports its end as a frame on the telemetry descriptor. Only what a shell can do by itself, and `sleep`.
 */
const SCRIPT = `
api=$(printf '0100007F:%04X' "\${AWS_LAMBDA_RUNTIME_API##*:}")
until_api_listens() {
  while :; do
    while read -r _ local _ state _; do
      [ "$local $state" = "$api 0A" ] && return
    done < /proc/net/tcp
    sleep 0.01
  done
}
for extension in /opt/extensions/*; do
  [ -f "$extension" ] && [ -x "$extension" ] || continue
  (
    exec 3>&-
    until_api_listens
    (
      unset ${HIDDEN_VARIABLES.join(" ")}
      exec "$extension" 4>&- >>${EXTENSION_OUTPUT_PATH} 2>&1
    )
    status=$?
    LC_ALL=C
    ended=$(printf '%s %.200s' "$status" "\${extension##*/}")
    printf "\\\\245\\\\132\\\\000\\\\340\\\\000\\\\000\\\\000\\\\$(printf %03o \${#ended})\\\\000\\\\000\\\\000\\\\000\\\\000\\\\000\\\\000\\\\000%s" "$ended" >&4
  ) &
done
exec "$@"
`;

/** The program with the extensions of /opt started in front of it. */
export function withExtensions(program: SandboxProgram): SandboxProgram {
  return { ...program, command: ["/bin/sh", "-c", SCRIPT, "runtime", ...program.command] };
}
