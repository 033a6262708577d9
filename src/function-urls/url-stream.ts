import type { ResponseSink } from "../core/invocation.ts";
import { HTTP_RESPONSE_TYPE, PreludeReader } from "./response-prelude.ts";
import { urlAnswerHead } from "./url-answer.ts";
import { badGateway } from "./url-refusal.ts";
import type { UrlReply } from "./url-reply.ts";

/** AWS: of a stream that does not say what it is. */
const STREAM_TYPE = "application/octet-stream";

/** A function's stream on its way to the client, at the pace at which this one reads. */
export class UrlStream implements ResponseSink {
  readonly #reply: UrlReply;
  #prelude: PreludeReader | undefined;
  #state: "not begun" | "prelude" | "body" | "refused" = "not begun";

  constructor(reply: UrlReply) {
    this.#reply = reply;
  }

  start(contentType: string): void {
    if (contentType === HTTP_RESPONSE_TYPE) {
      this.#state = "prelude";
      this.#prelude = new PreludeReader();
      return;
    }
    const head = urlAnswerHead(
      { statusCode: 200, headers: { "content-type": contentType.replace(/[^\x20-\x7e]/g, "") } },
      STREAM_TYPE,
    );
    this.#begin(head);
  }

  write(piece: Uint8Array): Promise<void> | undefined {
    if (this.#state === "body") return this.#reply.write(piece);
    if (this.#state !== "prelude") return undefined;
    const prelude = this.#prelude?.take(piece);
    if (prelude === undefined) return undefined;
    this.#prelude = undefined;
    if (prelude === "invalid") return this.#refuse();
    this.#begin(urlAnswerHead({ statusCode: 200, ...prelude.metadata }, STREAM_TYPE));
    return this.write(prelude.rest);
  }

  /** The function has ended; `failed`: not in the way it should. What cannot be an answer any more is cut off. */
  end(failed: boolean): void {
    if (this.#state === "body") {
      if (failed) this.#reply.abandon();
      else this.#reply.finish();
    } else this.#refuse();
  }

  /** Whether the function has begun to stream. */
  get hasBegun(): boolean {
    return this.#state !== "not begun";
  }

  #begin(head: ReturnType<typeof urlAnswerHead>): void {
    if (head === undefined) {
      this.#refuse();
      return;
    }
    this.#state = "body";
    this.#reply.start(head);
  }

  #refuse(): undefined {
    this.#state = "refused";
    this.#reply.send(badGateway);
  }
}
