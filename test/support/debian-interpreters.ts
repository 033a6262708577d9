/**
 * Interpreters that only a newer Debian has, taken from its packages without installing them: the packages are unpacked
 * into a directory, with the C library that they need, and run there by bubblewrap.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Installed, installOnce, run } from "./official-clients.ts";

/** The suite that has it; its package is called as AWS calls the runtime. */
export interface DebianInterpreter {
  readonly suite: string;
  readonly identifier: string;
  readonly executable: string;
}

export const RUBY_OF_DEBIAN: DebianInterpreter = {
  suite: "trixie",
  identifier: "ruby3.3",
  executable: "/usr/bin/ruby3.3",
};

export const PYTHON_OF_DEBIAN: DebianInterpreter = {
  suite: "forky",
  identifier: "python3.14",
  executable: "/usr/bin/python3.14",
};

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** What the functions of the tests start. */
const PROGRAMS = ["coreutils", "dash"];
/** Nothing but the list of packages itself; one of a mirror that lags behind will do. */
const LIST_OPTIONS = [
  "Acquire::Retries=3",
  "Acquire::Languages=none",
  "Acquire::Check-Valid-Until=false",
  "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
  "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
];

/** `directory` is a root with that interpreter. The machine's own packages and lists stay as they are. */
export function installFromDebian({ suite, identifier }: DebianInterpreter): Promise<Installed> {
  const howTo = `have apt-get, dpkg-deb, ${KEYRING} and the archive that this machine's own packages come from at hand`;
  return installOnce(`debian-${suite}-${identifier}`, howTo, async (directory) => {
    const archive = await archiveOfMachine();
    const state = join(directory, "apt");
    for (const path of ["lists/partial", "cache/archives/partial"])
      await mkdir(join(state, path), { recursive: true });
    await writeFile(join(state, "sources.list"), `deb [signed-by=${KEYRING}] ${archive} ${suite} main\n`);
    // An empty one: whatever a package needs comes along.
    await writeFile(join(state, "status"), "");
    const options = [
      `Dir::Etc::sourcelist=${join(state, "sources.list")}`,
      "Dir::Etc::sourceparts=-",
      `Dir::State::lists=${join(state, "lists")}`,
      `Dir::State::status=${join(state, "status")}`,
      `Dir::Cache=${join(state, "cache")}`,
      "APT::Sandbox::User=root",
      "Debug::NoLocking=true",
      ...LIST_OPTIONS,
    ].flatMap((option) => ["-o", option]);
    await run("apt-get", [...options, "update"]);
    const packages = ["--yes", "--no-install-recommends", "--download-only", "install"];
    await run("apt-get", [...options, ...packages, identifier, ...PROGRAMS]);
    const archives = join(state, "cache/archives");
    for (const name of await readdir(archives))
      if (name.endsWith(".deb"))
        await run("dpkg-deb", ["--extract", join(archives, name), join(directory, "root")]);
    await rm(state, { recursive: true });
  });
}

/** Where the machine's own packages come from; other suites lie beside its own. */
async function archiveOfMachine(): Promise<string> {
  const targets = await run("apt-get", ["indextargets", "--format", "$(COMPONENT) $(REPO_URI)"]);
  const archives = [...targets.matchAll(/^main (\S+)$/gm)].map(([, archive = ""]) => archive);
  const archive = archives.find((each) => /\/debian\/?$/.test(each));
  if (archive === undefined) throw new Error("this machine's packages come from no archive of Debian");
  return archive;
}

/** Runs that interpreter, in the directory `installed`, on the machine's files in `shown` and its temporary ones. */
export function commandInDebian(
  { executable }: DebianInterpreter,
  installed: string,
  shown: readonly string[],
): string[] {
  const root = join(installed, "root");
  const links = ["bin", "sbin", "lib", "lib64"].flatMap((name) => ["--symlink", `usr/${name}`, `/${name}`]);
  const files = ["/tmp", ...shown].flatMap((path) => ["--bind", path, path]);
  const usr = ["--ro-bind", join(root, "usr"), "/usr", ...links];
  const system = ["--ro-bind", "/etc/passwd", "/etc/passwd", "--proc", "/proc", "--dev", "/dev"];
  return ["bwrap", "--die-with-parent", ...usr, ...system, ...files, executable];
}
