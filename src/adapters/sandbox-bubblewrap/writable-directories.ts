import { constants } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";

const LINKS_MAX = 40;
const INTO_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** A directory of the host as it was found; whoever uses `handle` has that one, whatever its name leads to meanwhile. */
export interface FoundDirectory {
  readonly path: string;
  /** Where functions could move what lies at the path; to be closed. */
  readonly handle: FileHandle | undefined;
}

/**
 * The directories that functions may write to. One may lie in another, where functions could have put a link in its place:
 * no link is followed that lies in one of them.
 */
export class WritableDirectories {
  readonly #configured: readonly string[];

  constructor(configured: readonly string[]) {
    this.#configured = configured
      .map((path) => resolve(path))
      .sort((one, other) => one.length - other.length);
  }

  /** Rejects when there is none, and when its path leads over what a function could have made. */
  async find(hostPath: string): Promise<FoundDirectory> {
    const areas = await this.#areas();
    const path = await followed(resolve(hostPath), areas);
    const outermost = areas
      .filter((area) => area !== path && isInside(path, area))
      .sort((one, other) => one.length - other.length)[0];
    if (outermost === undefined) return { path, handle: undefined };
    return { path, handle: await openBelow(outermost, relative(outermost, path).split("/")) };
  }

  /** As they lie on the host. One that cannot be reached without such a link lies in another. */
  async #areas(): Promise<string[]> {
    const areas: string[] = [];
    for (const configured of this.#configured) {
      const path = await followed(configured, areas).catch(() => undefined);
      if (path !== undefined) areas.push(path);
    }
    return areas;
  }
}

const isInside = (path: string, area: string): boolean => path === area || path.startsWith(join(area, "/"));

/** The path without links. */
async function followed(path: string, areas: readonly string[]): Promise<string> {
  const names = namesIn(path);
  let done = "/";
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "..") {
      done = dirname(done);
      continue;
    }
    const next = join(done, name);
    const target = await readlink(next).catch(() => undefined);
    if (target === undefined) {
      done = next;
      continue;
    }
    const place = done;
    if (areas.some((area) => isInside(place, area)))
      throw new Error(`${next} is a link in a directory that functions may write to`);
    if (++links > LINKS_MAX) throw new Error(`${path} has too many links`);
    names.unshift(...namesIn(target));
    if (target.startsWith("/")) done = "/";
  }
  return done;
}

const namesIn = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

/** Opens one directory after the other, each by its name in the one before. */
async function openBelow(area: string, names: readonly string[]): Promise<FileHandle> {
  let directory = await open(area, INTO_DIRECTORY);
  for (const name of names) {
    const parent = directory;
    directory = await open(pathOf(parent, name), INTO_DIRECTORY).finally(() => parent.close());
  }
  return directory;
}

/** Of an open directory, or of what lies in it: the kernel goes on from there. */
export const pathOf = ({ fd }: FileHandle, name = ""): string => `/proc/${process.pid}/fd/${fd}/${name}`;
