/** AWS: the part of the memory that the heap may take … */
export const HEAP_PERCENT = 85;
/** … but a JVM needs so much beside its heap, which counts in small functions. */
export const BESIDE_HEAP_MB = 48;

/**
 * How a JVM is started for a function: for a quick start, on one processor, within its memory. An option of the
 * function's own JAVA_TOOL_OPTIONS wins over the default for the same thing, although a JVM by itself would take the
 * command line's.
 */
export function jvmOptions(memoryMb, toolOptions) {
  const heapMb = Math.floor(Math.min((memoryMb * HEAP_PERCENT) / 100, memoryMb - BESIDE_HEAP_MB));
  const defaults = [
    [`-Xmx${heapMb}m`, /^-(Xmx|XX:(MaxHeapSize|MaxRAMPercentage|MaxRAM)=)/],
    ["-XX:+UseSerialGC", /^-XX:\+Use\w+GC$/],
    ["-XX:TieredStopAtLevel=1", /^-XX:(TieredStopAtLevel=|[+-]TieredCompilation$)/],
    ["-Xshare:auto", /^-Xshare:/],
    ["-Dfile.encoding=UTF-8", /^-Dfile\.encoding=/],
    ["-Djava.net.preferIPv4Stack=true", /^-Djava\.net\.preferIPv4Stack=/],
  ];
  const chosen = toolOptions.split(/\s+/);
  return defaults
    .filter(([, sameThing]) => !chosen.some((option) => sameThing.test(option)))
    .map(([option]) => option);
}
