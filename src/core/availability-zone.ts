/** How AWS shortens the words of a Region's name in its Availability Zone ids. */
const SHORT_WORDS: Readonly<Record<string, string>> = {
  north: "n",
  northeast: "ne",
  east: "e",
  southeast: "se",
  south: "s",
  southwest: "sw",
  west: "w",
  northwest: "nw",
  central: "c",
  gov: "g",
  iso: "i",
};

/** The id of a Region's first Availability Zone: use1-az1 of us-east-1. A machine of one's own is in no other. */
export function firstAvailabilityZoneId(region: string): string {
  const [area = "", ...words] = region.split("-");
  return `${area}${words.map((word) => SHORT_WORDS[word] ?? word).join("")}-az1`;
}
