"use strict";

/** By itself also where the rest of the client is packed: Node warns of an `import()` in compiled code. */
module.exports = { importModule: (url) => import(url) };
