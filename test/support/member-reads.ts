/** Which members of their inputs handlers have looked at: what nobody reads is accepted and ignored. */
export class MemberReads {
  readonly #reads = new Set<string>();

  /** The same input, watched. */
  watch(operation: string, input: object): object {
    const reads = this.#reads;
    return new Proxy(input, {
      get(target, member, receiver) {
        if (typeof member === "string") reads.add(`${operation}.${member}`);
        return Reflect.get(target, member, receiver);
      },
    });
  }

  has(operation: string, member: string): boolean {
    return this.#reads.has(`${operation}.${member}`);
  }
}
