import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";

const LIBRARY_DIRECTORIES = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/opt/lib",
];
const ICU = /^libicuuc[.]so[.](\d+)[.](\d+)$/;
const SHARED_FRAMEWORK = "shared/Microsoft.NETCore.App";
/** .NET Core 3.1 knows of no newer ICU by itself. */
const NEWEST_ICU_OF_3_1 = 70;

/**
 * Variables that let a program start on this machine: AWS's runtimes have ICU, and without it .NET ends itself unless it
 * is told to do without cultures. What a function sets itself wins over them.
 */
export function globalizationSettings(dotnet, directories = LIBRARY_DIRECTORIES) {
  const versions = directories
    .flatMap(namesIn)
    .flatMap((name) => {
      const [, major, minor] = ICU.exec(name) ?? [];
      return major === undefined ? [] : [{ major: Number(major), minor: Number(minor) }];
    })
    .sort((a, b) => b.major - a.major || b.minor - a.minor);
  const [newest] = versions;
  if (newest === undefined) {
    return {
      DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: "1",
      DOTNET_SYSTEM_GLOBALIZATION_PREDEFINED_CULTURES_ONLY: "false",
    };
  }
  const isOld = namesIn(join(dirname(dotnet), SHARED_FRAMEWORK)).every((name) => name.startsWith("3.1."));
  if (!isOld || versions.some(({ major }) => major <= NEWEST_ICU_OF_3_1)) return {};
  return { CLR_ICU_VERSION_OVERRIDE: `${newest.major}.${newest.minor}` };
}

function namesIn(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
