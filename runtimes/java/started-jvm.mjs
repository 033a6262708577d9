import { existsSync } from "node:fs";

/** What the JVM has archived of its classes and our client's, where Lambent has had it do so. */
export const CLASS_ARCHIVE = "/var/lambent/java-archive/classes.jsa";
/** Earlier ones do not know where to map an archive. */
export const FIRST_LINE_MAPPING_ARCHIVES = 17;
/** Options about archives, in the variables that a JVM reads options from. */
export const ARCHIVE_WORDS = ["Archive", "-Xshare:", "-XX:AOT"];

/**
 * Options of a JVM that is started for a function without options of its own: archives are mapped at the address that they
 * are made for, so that JVMs need not change them and share their memory.
 */
export function startedJvmOptions(line, variables, hasArchive = existsSync(CLASS_ARCHIVE)) {
  if (line < FIRST_LINE_MAPPING_ARCHIVES) return [];
  const chosen = `${variables.JDK_JAVA_OPTIONS ?? ""} ${variables._JAVA_OPTIONS ?? ""}`;
  const isFree = !ARCHIVE_WORDS.some((word) => chosen.includes(word));
  return [
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:ArchiveRelocationMode=0",
    ...(hasArchive && isFree ? [`-XX:SharedArchiveFile=${CLASS_ARCHIVE}`] : []),
  ];
}
