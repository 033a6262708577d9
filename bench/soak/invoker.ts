import { Agent, request } from "node:http";

export interface Answer {
  readonly status: number;
  /** AWS's X-Amz-Function-Error. */
  readonly functionError: string | undefined;
  readonly body: string;
}

/** Invokes over kept-alive connections, with less work of its own than the SDK. */
export class Invoker {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #endpoint: string;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  invoke(functionName: string, event: unknown): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = this.#ask(functionName, event);
      asked.once("error", reject);
      asked.once("response", (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        response.once("error", reject);
        response.once("end", () => {
          const error = response.headers["x-amz-function-error"];
          resolve({ status: response.statusCode ?? 0, functionError: error?.toString(), body });
        });
      });
    });
  }

  /** Sends an event and hangs up before the answer. */
  abandon(functionName: string, event: unknown, afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      const asked = this.#ask(functionName, event);
      asked.once("error", () => undefined).once("close", resolve);
      asked.once("response", (response) => response.resume());
      setTimeout(() => asked.destroy(), afterMs);
    });
  }

  /** Ends the kept-alive connections; new ones are made when needed. */
  disconnect(): void {
    this.#agent.destroy();
  }

  #ask(functionName: string, event: unknown) {
    const body = JSON.stringify(event);
    const asked = request(`${this.#endpoint}/2015-03-31/functions/${functionName}/invocations`, {
      agent: this.#agent,
      method: "POST",
      headers: {
        "content-length": Buffer.byteLength(body),
        authorization:
          "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0",
      },
    });
    asked.end(body);
    return asked;
  }
}
