// As rehearsal-function.cjs, for functions that are ES modules: the loader stays ready, and this module stays in it.
// Node prepares what 'import.meta' says when a module looks at it.
export const handler = import.meta.url && (async (event) => event);
