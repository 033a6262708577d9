import { RefusedPackage } from "./refusals.ts";

/** What an entry becomes in the tree. */
export type NodeKind = "directory" | "file" | "link";

/** Names longer than these cannot be created on Linux. */
const SEGMENT_BYTES_MAX = 255;
const PATH_BYTES_MAX = 3000;
/** As the kernel: more links in a row are a loop. */
const LINK_HOPS_MAX = 40;

/**
 * The names of a package, checked before anything is written: each path is taken once, nothing lies below a file or
 * a link, and no link leads out of the tree.
 */
export class PackageLayout {
  readonly #kinds = new Map<string, NodeKind>([["", "directory"]]);
  readonly #linkTargets = new Map<string, string>();

  /** Relative path without "." and doubled slashes. Throws for names that leave the tree or were taken. */
  claim(entryName: string, kind: NodeKind): string {
    const path = normalise(entryName);
    if (path === "") {
      if (kind === "directory") return path;
      throw new RefusedPackage(`the entry "${entryName}" has no name`);
    }
    const segments = path.split("/");
    for (let depth = 1; depth < segments.length; depth++) {
      this.#claimDirectory(segments.slice(0, depth).join("/"));
    }
    if (kind === "directory") this.#claimDirectory(path);
    else if (this.#kinds.has(path)) throw new RefusedPackage(`"${path}" exists twice`);
    else this.#kinds.set(path, kind);
    return path;
  }

  /** Says where a link leads, as read from the package. */
  setLinkTarget(path: string, target: string): void {
    if (target === "" || target.startsWith("/") || target.includes("\0")) {
      throw new RefusedPackage(`the link "${path}" leads to "${target}"`);
    }
    this.#linkTargets.set(path, target);
  }

  /** Every directory, parents first. */
  directories(): string[] {
    return [...this.#kinds]
      .filter(([path, kind]) => kind === "directory" && path !== "")
      .map(([path]) => path);
  }

  links(): IterableIterator<[path: string, target: string]> {
    return this.#linkTargets.entries();
  }

  /**
   * Follows every link as the kernel would, through other links too: reading the text alone would not do, since
   * "up/.." leads elsewhere when "up" is a link. A link to nothing is allowed, one out of the tree is not.
   */
  checkLinks(): void {
    for (const [path, target] of this.#linkTargets) {
      const parent = path.split("/").slice(0, -1);
      this.#follow({ from: path, at: parent, remaining: target.split("/") });
    }
  }

  #follow(walk: { readonly from: string; readonly at: string[]; readonly remaining: string[] }): void {
    const { from, at, remaining } = walk;
    let hops = 0;
    while (remaining.length > 0) {
      const segment = remaining.shift();
      if (segment === undefined || segment === "" || segment === ".") continue;
      if (segment === "..") {
        if (at.length === 0) throw new RefusedPackage(`the link "${from}" leaves the package`);
        at.pop();
        continue;
      }
      const next = [...at, segment].join("/");
      const target = this.#linkTargets.get(next);
      if (target === undefined) {
        at.push(segment);
        continue;
      }
      if (++hops > LINK_HOPS_MAX) throw new RefusedPackage(`the link "${from}" goes in a circle`);
      remaining.unshift(...target.split("/"));
    }
  }

  #claimDirectory(path: string): void {
    const kind = this.#kinds.get(path);
    if (kind === undefined) this.#kinds.set(path, "directory");
    else if (kind !== "directory") throw new RefusedPackage(`something lies below the ${kind} "${path}"`);
  }
}

function normalise(entryName: string): string {
  if (entryName.includes("\\") || entryName.includes("\0")) {
    throw new RefusedPackage(`the name "${entryName}" has a character that names must not have`);
  }
  if (entryName.startsWith("/") || /^[a-zA-Z]:/.test(entryName)) {
    throw new RefusedPackage(`the name "${entryName}" is absolute`);
  }
  const segments = entryName.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.includes("..")) throw new RefusedPackage(`the name "${entryName}" leaves the package`);
  const path = segments.join("/");
  const tooLong =
    Buffer.byteLength(path) > PATH_BYTES_MAX ||
    segments.some((segment) => Buffer.byteLength(segment) > SEGMENT_BYTES_MAX);
  if (tooLong) throw new RefusedPackage(`the name "${entryName.slice(0, 80)}…" is too long`);
  return path;
}
