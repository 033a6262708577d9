import { readFileSync } from "node:fs";

/** Memory of the control process at one moment. */
export interface MemorySample {
  /** Of V8's heap after a full collection; undefined where the inspector could not be reached. */
  readonly heapBytes: number | undefined;
  readonly residentBytes: number;
}

interface InspectorAnswer {
  readonly id?: number;
  readonly result?: { readonly usedSize?: number };
}

async function inspect(port: number, methods: readonly string[]): Promise<InspectorAnswer[]> {
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(targets[0]?.webSocketDebuggerUrl ?? "");
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("the inspector cannot be reached"));
  });
  const answers: InspectorAnswer[] = [];
  for (const [index, method] of methods.entries()) {
    const answered = new Promise<InspectorAnswer>((resolve) => {
      socket.onmessage = ({ data }) => {
        const answer = JSON.parse(String(data)) as InspectorAnswer;
        if (answer.id === index) resolve(answer);
      };
    });
    socket.send(JSON.stringify({ id: index, method }));
    answers.push(await answered);
  }
  const closed = new Promise((resolve) => {
    socket.onclose = resolve;
  });
  socket.close();
  await closed;
  return answers;
}

/** Of a Node process started with `--inspect-port=PORT`, whose inspector is opened by the first call. */
export async function sampleMemory(processId: number, port: number): Promise<MemorySample> {
  process.kill(processId, "SIGUSR1");
  let heapBytes: number | undefined;
  for (let attempts = 0; attempts < 20 && heapBytes === undefined; attempts++) {
    const collect = "HeapProfiler.collectGarbage";
    const answers = await inspect(port, [collect, collect, "Runtime.getHeapUsage"]).catch(() => undefined);
    heapBytes = answers?.at(-1)?.result?.usedSize;
    if (heapBytes === undefined) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const status = readFileSync(`/proc/${processId}/status`, "latin1");
  const residentBytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
  return { heapBytes, residentBytes };
}
