import { notSupported } from "../../../core/errors.ts";
import type { LambdaDependencies, LambdaHandlers } from "./lambda-handlers.ts";

/** ListTags, TagResource and UntagResource. */
export function tagHandlers({ functions: { tags } }: LambdaDependencies): LambdaHandlers {
  return {
    ListTags: ({ Resource }, context) => ({ Tags: { ...tags.list(context, functionResource(Resource)) } }),
    TagResource: async ({ Resource, Tags }, context) => {
      await tags.add(context, functionResource(Resource), Tags ?? {});
      return {};
    },
    UntagResource: async ({ Resource, TagKeys }, context) => {
      await tags.remove(context, functionResource(Resource), TagKeys ?? []);
      return {};
    },
  };
}

/** Functions are the only resources that have tags so far. */
function functionResource(arn = ""): string {
  const kind = arn.split(":")[5];
  if (kind !== undefined && kind !== "function") throw notSupported(`Tags on a ${kind}`);
  return arn;
}
