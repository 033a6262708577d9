/** The tags of a request: a map of them, or a list as IAM has it. */
function tagsOf(input: Readonly<Record<string, unknown>>): [key: string, value: string][] {
  const given = input.Tags ?? input.tags;
  if (typeof given !== "object" || given === null) return [];
  if (!Array.isArray(given)) return Object.entries(given).map(([key, value]) => [key, String(value)]);
  return given.map(({ Key, Value = "" }: { Key?: string; Value?: string }) => [Key ?? "", Value]);
}

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

/** The condition keys aws:RequestTag/… and aws:TagKeys of a request that adds or removes tags. */
export function requestTagContext(
  input: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string | readonly string[]>> {
  const tags = tagsOf(input);
  const keys = [...tags.map(([key]) => key), ...listOf(input.TagKeys ?? input.tagKeys)];
  if (keys.length === 0) return {};
  const values = Object.fromEntries(tags.map(([key, value]) => [`aws:RequestTag/${key}`, value]));
  return { ...values, "aws:TagKeys": keys };
}
