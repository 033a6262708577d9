import type * as snsModule from "@aws-sdk/client-sns";
import type { NotificationDelivery } from "../../../topics/notification-delivery.ts";
import type { Publishing } from "../../../topics/publishing.ts";
import { invalidParameter } from "../../../topics/topic-errors.ts";
import type { Topics } from "../../../topics/topics.ts";
import type { Handlers } from "../../protocol/handlers.ts";

/** What SNS is made of. */
export interface SnsDependencies {
  readonly topics: Topics;
  readonly publishing: Publishing;
  readonly delivery: NotificationDelivery;
}

export type SnsHandlers = Handlers<typeof snsModule>;

const PAGE = 100;

/** AWS: a hundred at a time. */
export function pageOf<T>(
  all: readonly T[],
  token: string | undefined,
): { page: readonly T[]; next: string | undefined } {
  const from = token === undefined ? 0 : Number(Buffer.from(token, "base64").toString());
  if (!Number.isInteger(from) || from < 0) throw invalidParameter("NextToken");
  const end = from + PAGE;
  return {
    page: all.slice(from, end),
    next: end < all.length ? Buffer.from(String(end)).toString("base64") : undefined,
  };
}

/** Attributes that have a value. */
export const present = (
  attributes: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );

export const tagsOf = (
  tags: readonly { readonly Key: string | undefined; readonly Value: string | undefined }[] = [],
): Record<string, string> => Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value]));
