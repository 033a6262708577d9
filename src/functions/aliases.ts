import { type AliasRouting, parseAliasRouting } from "../core/alias-routing.ts";
import { functionArn } from "../core/arn.ts";
import { invalidParameterValue, resourceConflict, resourceNotFound } from "../core/errors.ts";
import { FUNCTION_LIMITS } from "../core/function-limits.ts";
import { functionNotFound, type Owner, parseUnqualifiedReference } from "../core/function-reference.ts";
import { checkRevision } from "../core/revision-id.ts";
import { provisionedSetting, removeProvisioned, unpublishedVersion } from "./concurrency-plan.ts";
import type { AliasDocument, FunctionDocument } from "./documents.ts";
import type { FunctionCatalogue } from "./function-catalogue.ts";
import type { Page, PageRequest } from "./function-directory.ts";
import type { FunctionRecord } from "./function-record.ts";
import type { FunctionRepository } from "./function-repository.ts";

export interface AliasSettings {
  readonly functionVersion?: string | undefined;
  readonly description?: string | undefined;
  /** Version to weight; an empty map clears the routing. */
  readonly additionalVersionWeights?: Readonly<Record<string, number>> | undefined;
}

/** Named pointers to versions, with weighted routing to a second one. */
export class Aliases {
  readonly #catalogue: FunctionCatalogue;
  readonly #repository: FunctionRepository;
  readonly #newId: () => string;

  constructor(catalogue: FunctionCatalogue, repository: FunctionRepository, newId: () => string) {
    this.#catalogue = catalogue;
    this.#repository = repository;
    this.#newId = newId;
  }

  async create(
    owner: Owner,
    reference: string,
    aliasName: string,
    settings: AliasSettings & { readonly functionVersion: string },
  ): Promise<AliasDocument> {
    const record = this.#record(owner, reference);
    const { account, region, functionName, functionId } = record.head;
    const routing = checkRouting(record, settings.functionVersion, settings.additionalVersionWeights);
    const alias: AliasDocument = {
      schema: 1,
      account,
      region,
      functionName,
      functionId,
      aliasName,
      functionVersion: settings.functionVersion,
      description: settings.description ?? "",
      ...(routing !== undefined && { routing }),
      revisionId: this.#newId(),
    };
    if (!(await this.#repository.createAlias(alias))) {
      throw resourceConflict(`Alias already exists: ${functionArn(record.head, aliasName)}`);
    }
    return alias;
  }

  get(owner: Owner, reference: string, aliasName: string): AliasDocument {
    const record = this.#record(owner, reference);
    const alias = record.alias(aliasName);
    if (alias === undefined) {
      throw resourceNotFound(`Cannot find alias arn: ${functionArn(record.head, aliasName)}`);
    }
    return alias;
  }

  /** Changes what is given; AWS keeps the routing unless a new one is given. */
  async update(
    owner: Owner,
    reference: string,
    aliasName: string,
    settings: AliasSettings & { readonly revisionId?: string | undefined },
  ): Promise<AliasDocument> {
    const record = this.#record(owner, reference);
    const notFound = resourceNotFound(`Alias not found: ${functionArn(record.head, aliasName)}`);
    if (record.alias(aliasName) === undefined) throw notFound;
    const changed = await this.#repository.changeAlias(record.head, aliasName, (current) => {
      checkRevision(current.revisionId, settings.revisionId);
      const functionVersion = settings.functionVersion ?? current.functionVersion;
      if (functionVersion === "$LATEST" && provisionedSetting(record.concurrency, aliasName) !== undefined) {
        throw unpublishedVersion();
      }
      const { routing: before, ...rest } = current;
      const weights = settings.additionalVersionWeights ?? (before && { [before.version]: before.weight });
      const routing = checkRouting(record, functionVersion, weights);
      return {
        ...rest,
        functionVersion,
        description: settings.description ?? current.description,
        ...(routing !== undefined && { routing }),
        revisionId: this.#newId(),
      };
    });
    if (changed === undefined) throw notFound;
    return changed;
  }

  /** AWS: deleting an alias that does not exist succeeds. */
  async delete(owner: Owner, reference: string, aliasName: string): Promise<void> {
    const record = this.#record(owner, reference);
    await removeProvisioned(this.#repository, record, aliasName);
    await this.#repository.deleteAlias(record.head, aliasName);
  }

  /** In order of their names; those that involve one version when it is given. */
  list(
    owner: Owner,
    reference: string,
    page: PageRequest & { readonly functionVersion?: string | undefined },
  ): Page<AliasDocument> {
    const { functionVersion, marker } = page;
    const after = marker === undefined ? undefined : Buffer.from(marker, "base64url").toString();
    const remaining = this.#record(owner, reference)
      .visibleAliases()
      .filter(
        (alias) =>
          functionVersion === undefined ||
          alias.functionVersion === functionVersion ||
          alias.routing?.version === functionVersion,
      )
      .filter(({ aliasName }) => after === undefined || aliasName > after);
    const items = remaining.slice(0, page.maxItems ?? FUNCTION_LIMITS.pageSizeDefault);
    const last = items.at(-1);
    const more = remaining.length > items.length && last !== undefined;
    return { items, nextMarker: more ? Buffer.from(last.aliasName).toString("base64url") : undefined };
  }

  #record(owner: Owner, reference: string): FunctionRecord & { readonly head: FunctionDocument } {
    return this.#catalogue.get(owner, parseUnqualifiedReference(owner, reference));
  }
}

/** Both versions exist and, as AWS asks for routing, run under the same role. */
function checkRouting(
  record: FunctionRecord & { readonly head: FunctionDocument },
  functionVersion: string,
  weights: Readonly<Record<string, number>> | undefined,
): AliasRouting | undefined {
  const { head } = record;
  const settingsOf = (version: string) => {
    if (version === "$LATEST") return head.latest.settings;
    const published = record.version(version);
    if (published === undefined) throw functionNotFound(head, head.functionName, version);
    return published.document.deployment.settings;
  };
  const primary = settingsOf(functionVersion);
  const routing = parseAliasRouting(functionVersion, weights);
  if (routing !== undefined && settingsOf(routing.version).roleArn !== primary.roleArn) {
    throw invalidParameterValue("The versions of an alias with routing must have the same execution role.");
  }
  return routing;
}
