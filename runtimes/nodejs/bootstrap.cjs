"use strict";

/**
 * Entry point of the Node.js runtimes inside a sandbox. Where Lambent has packed the client for this interpreter
 * (`make-pack.cjs`), `packed-bootstrap.cjs` stands in its place.
 */
require("./start.cjs");
