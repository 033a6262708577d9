/**
 * The thread that owns the write connection. Commits wait for the disk here, so that the main thread never does.
 * Everything that arrived during one commit goes into the next.
 */
import assert from "node:assert/strict";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { OperatorError } from "../../core/operator-error.ts";
import { messageOf } from "./failures.ts";
import type { OperationRequest, WriterCommand, WriterReport } from "./write-operations.ts";
import { openWriterDatabase } from "./writer-database.ts";

/** Bounds how long the first of a great many operations waits for the last. */
const OPERATIONS_PER_COMMIT_MAX = 2_000;

assert(parentPort !== null, "runs as a worker thread only");
const port = parentPort;
const report = (message: WriterReport): void => port.postMessage(message);

function serve({ db, groupCommit }: ReturnType<typeof openWriterDatabase>): void {
  port.on("message", (first: WriterCommand) => {
    let command: WriterCommand | undefined = first;
    let isClosing = false;
    while (command !== undefined) {
      const requests: OperationRequest[] = [];
      while (command !== undefined && requests.length < OPERATIONS_PER_COMMIT_MAX) {
        if (command.type === "run") {
          requests.push(...command.requests);
        } else {
          isClosing = true;
        }
        command = receiveMessageOnPort(port)?.message as WriterCommand | undefined;
      }
      if (requests.length > 0) {
        report({ type: "answers", ...groupCommit.run(requests) });
      }
    }
    if (isClosing) {
      db.close();
      report({ type: "closed" });
      port.close();
    }
  });
  report({ type: "opened" });
}

try {
  serve(openWriterDatabase((workerData as { file: string }).file));
} catch (error) {
  const advice = error instanceof OperatorError ? error.advice : "Please report this.";
  report({ type: "refused", message: messageOf(error), advice });
  port.close();
}
