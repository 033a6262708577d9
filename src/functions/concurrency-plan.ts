import { invalidParameterValue } from "../core/errors.ts";
import type { FunctionConcurrency, ProvisionedVersion } from "../core/function-concurrency.ts";
import type { FunctionVersion } from "../core/function-version.ts";
import type { ConcurrencyDocument, FunctionDocument, ProvisionedSetting } from "./documents.ts";
import type { FunctionRecord } from "./function-record.ts";
import type { FunctionRepository } from "./function-repository.ts";

/** AWS: the refusal for $LATEST, and for an alias that points to it. */
export const unpublishedVersion = (): Error =>
  invalidParameterValue(
    "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
  );

/** The setting of a qualifier, or undefined. */
export const provisionedSetting = (
  concurrency: ConcurrencyDocument | undefined,
  qualifier: string,
): ProvisionedSetting | undefined =>
  concurrency?.provisioned.find((setting) => setting.qualifier === qualifier);

/** Environments asked for over all qualifiers. */
export const provisionedTotal = (provisioned: readonly ProvisionedSetting[]): number =>
  provisioned.reduce((total, { requested }) => total + requested, 0);

/**
 * The version whose environments a qualifier's setting asks for; undefined when there is none. An alias with routing
 * has them for its main version alone.
 */
export function provisionedVersion(record: FunctionRecord, qualifier: string): FunctionVersion | undefined {
  const number = record.alias(qualifier)?.functionVersion ?? qualifier;
  return record.version(number)?.target.version;
}

/** What the invocation side has to keep to for this function. */
export function concurrencyPlan(record: FunctionRecord): FunctionConcurrency {
  const { account, region, functionName } = record.name;
  const { concurrency } = record;
  const provisioned = new Map<string, ProvisionedVersion>();
  for (const { qualifier, requested, lastModifiedMs } of concurrency?.provisioned ?? []) {
    const version = provisionedVersion(record, qualifier);
    if (version === undefined) continue;
    const other = provisioned.get(version.version);
    provisioned.set(version.version, {
      version,
      requested: requested + (other?.requested ?? 0),
      lastModifiedMs: Math.max(lastModifiedMs, other?.lastModifiedMs ?? 0),
    });
  }
  const reserved = concurrency?.reserved;
  return { account, region, functionName, reserved, provisioned: [...provisioned.values()] };
}

/** Takes away what is provisioned for a qualifier that is about to go. */
export async function removeProvisioned(
  repository: FunctionRepository,
  record: FunctionRecord & { readonly head: FunctionDocument },
  qualifier: string,
): Promise<void> {
  if (provisionedSetting(record.concurrency, qualifier) === undefined) return;
  await repository.changeConcurrency(
    record.head,
    (current) =>
      current && {
        ...current,
        provisioned: current.provisioned.filter((setting) => setting.qualifier !== qualifier),
      },
  );
}
