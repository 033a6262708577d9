import { invalidParameterValue, notSupported } from "../../../core/errors.ts";
import type { RequestContext } from "../../protocol/handlers.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** What has tags, and how they are read and changed. */
interface TaggedResource {
  tags(): Readonly<Record<string, string>>;
  add(tags: Readonly<Record<string, string>>): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
}

/** ListTags, TagResource and UntagResource. */
export function tagHandlers({ functions, mappings }: LambdaDependencies): LambdaHandlers {
  const resource = (context: RequestContext, arn = ""): TaggedResource => {
    const kind = arn.split(":")[5];
    if (kind === undefined || kind === "function") return functionTags(context, arn);
    if (kind === "code-signing-config") return codeSigningTags(context, arn);
    if (kind === "event-source-mapping") return mappingTags(context, arn);
    throw notSupported(`Tags on a ${kind}`);
  };
  const mappingTags = (context: RequestContext, arn: string): TaggedResource => ({
    tags: () => mappings.tags(context, arn),
    add: async (tags) => {
      await mappings.changeTags(context, arn, (current) => ({ ...current, ...tags }));
    },
    remove: async (keys) => {
      await mappings.changeTags(context, arn, (current) =>
        Object.fromEntries(Object.entries(current).filter(([key]) => !keys.includes(key))),
      );
    },
  });
  const functionTags = (context: RequestContext, arn: string): TaggedResource => ({
    tags: () => functions.tags.list(context, arn),
    add: (tags) => functions.tags.add(context, arn, tags),
    remove: (keys) => functions.tags.remove(context, arn, keys),
  });
  const codeSigningTags = (context: RequestContext, arn: string): TaggedResource => ({
    tags: () => functions.codeSigning.get(context, arn).tags,
    add: (tags) => {
      // AWS: the words for a request without any tag, as for functions.
      if (Object.keys(tags).length === 0)
        throw invalidParameterValue("An error occurred and the request cannot be processed.");
      return functions.codeSigning.changeTags(context, arn, (current) => ({ ...current, ...tags }));
    },
    remove: (keys) =>
      functions.codeSigning.changeTags(context, arn, (current) =>
        Object.fromEntries(Object.entries(current).filter(([key]) => !keys.includes(key))),
      ),
  });
  return {
    ListTags: ({ Resource }, context) => ({ Tags: { ...resource(context, Resource).tags() } }),
    TagResource: async ({ Resource, Tags }, context) => {
      await resource(context, Resource).add(Tags ?? {});
      return {};
    },
    UntagResource: async ({ Resource, TagKeys }, context) => {
      await resource(context, Resource).remove(TagKeys ?? []);
      return {};
    },
  };
}
