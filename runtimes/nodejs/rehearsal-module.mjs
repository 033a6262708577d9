// As rehearsal-function.cjs, for functions that are ES modules: the loader stays ready, and this module stays in it.
export const handler = async (event) => event;
