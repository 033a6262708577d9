// Loaded once, before there is a function, so that the loader has done its work before.
exports.handler = async (event) => event;
