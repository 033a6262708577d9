/** How much memory the machine could still give to programs. */
export interface MemoryPressure {
  /** Between 0 and 1, of the machine's memory; undefined where it cannot be told. */
  availableShare(): number | undefined;
}
