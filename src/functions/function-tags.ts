import { invalidParameterValue } from "../core/errors.ts";
import { type Owner, parseFunctionReference } from "../core/function-reference.ts";
import { checkChangeable } from "../core/function-states.ts";
import { checkTags } from "../core/resource-tags.ts";
import type { FunctionDocument } from "./documents.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { FunctionRepository } from "./function-repository.ts";

/** Tags of functions; versions and aliases have none. */
export class FunctionTags {
  readonly #catalogue: FunctionCatalogue;
  readonly #repository: FunctionRepository;

  constructor(catalogue: FunctionCatalogue, repository: FunctionRepository) {
    this.#catalogue = catalogue;
    this.#repository = repository;
  }

  list(owner: Owner, functionArn: string): Readonly<Record<string, string>> {
    return this.#head(owner, functionArn).tags;
  }

  /** Of the function that an ARN is of, with a qualifier or without; undefined when there is none. */
  find(arn: string): Readonly<Record<string, string>> | undefined {
    const [, region, account, functionName] =
      /^arn:aws[a-z-]*:lambda:([a-z0-9-]+):(\d{12}):function:([\w-]+)(?::|$)/.exec(arn) ?? [];
    if (region === undefined || account === undefined || functionName === undefined) return undefined;
    return this.#catalogue.find({ account, region, functionName })?.head?.tags;
  }

  async add(owner: Owner, functionArn: string, tags: Readonly<Record<string, string>>): Promise<void> {
    // AWS: the words for a request without any tag (recorded from the service).
    if (Object.keys(tags).length === 0) {
      throw invalidParameterValue("An error occurred and the request cannot be processed.");
    }
    await this.#change(owner, functionArn, (current) => {
      const merged = { ...current, ...tags };
      checkTags(merged);
      return merged;
    });
  }

  /** Keys that are not there are fine. */
  async remove(owner: Owner, functionArn: string, tagKeys: readonly string[]): Promise<void> {
    const removed = new Set(tagKeys);
    await this.#change(owner, functionArn, (current) =>
      Object.fromEntries(Object.entries(current).filter(([key]) => !removed.has(key))),
    );
  }

  async #change(
    owner: Owner,
    functionArn: string,
    next: (tags: FunctionDocument["tags"]) => FunctionDocument["tags"],
  ): Promise<void> {
    await this.#repository.changeFunction(this.#head(owner, functionArn), (document) => {
      checkChangeable(document);
      return { document: { ...document, tags: next(document.tags) } };
    });
  }

  #head(owner: Owner, functionArn: string): FunctionDocument {
    const { functionName, qualifier } = parseFunctionReference(owner, functionArn);
    if (qualifier !== undefined) {
      throw invalidParameterValue(
        "Tags on function aliases and versions are not supported. Please specify a function ARN.",
      );
    }
    return this.#catalogue.get(owner, functionName).head;
  }
}
