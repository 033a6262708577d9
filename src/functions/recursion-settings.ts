import { type Owner, parseUnqualifiedReference } from "../core/function-reference.ts";
import type { FunctionAttachments } from "./function-attachments.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";

/** What happens to an event that has come round too often; see "recursive loop detection". */
export type RecursiveLoop = "Allow" | "Terminate";

const KIND = "recursion";

/** Recursion configurations of functions. */
export class RecursionSettings {
  readonly #catalogue: FunctionCatalogue;
  readonly #attachments: FunctionAttachments;

  constructor(catalogue: FunctionCatalogue, attachments: FunctionAttachments) {
    this.#catalogue = catalogue;
    this.#attachments = attachments;
  }

  /** AWS: loops are ended unless the function says otherwise. */
  get(owner: Owner, reference: string): RecursiveLoop {
    const { head } = this.#catalogue.get(owner, parseUnqualifiedReference(owner, reference));
    return this.#attachments.find<RecursiveLoop>(KIND, head, "$LATEST")?.value ?? "Terminate";
  }

  async put(owner: Owner, reference: string, recursiveLoop: RecursiveLoop): Promise<void> {
    const { head } = this.#catalogue.get(owner, parseUnqualifiedReference(owner, reference));
    await this.#attachments.change<RecursiveLoop>(KIND, head, "$LATEST", () => recursiveLoop);
  }
}
