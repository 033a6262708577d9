"use strict";

const PROTECTED_KEYS = {
  REQUEST_ID: Symbol.for("_AWS_LAMBDA_REQUEST_ID"),
  X_RAY_TRACE_ID: Symbol.for("_AWS_LAMBDA_X_RAY_TRACE_ID"),
  TENANT_ID: Symbol.for("_AWS_LAMBDA_TENANT_ID"),
};

/** AWS: `awslambda.InvokeStore`, by which libraries find the invocation they run in (@aws/lambda-invoke-store). */
class InvokeStore {
  static PROTECTED_KEYS = PROTECTED_KEYS;
  currentContext;

  getContext() {
    return this.currentContext;
  }

  hasContext() {
    return this.currentContext !== undefined;
  }

  get(key) {
    return this.currentContext?.[key];
  }

  set(key, value) {
    if (this.isProtectedKey(key)) {
      throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    }
    this.currentContext ??= {};
    this.currentContext[key] = value;
  }

  run(context, run) {
    this.currentContext = context;
    return run();
  }

  isProtectedKey(key) {
    return Object.values(PROTECTED_KEYS).includes(key);
  }

  getRequestId() {
    return this.get(PROTECTED_KEYS.REQUEST_ID) ?? "-";
  }

  getXRayTraceId() {
    return this.get(PROTECTED_KEYS.X_RAY_TRACE_ID);
  }

  getTenantId() {
    return this.get(PROTECTED_KEYS.TENANT_ID);
  }
}

/** What the store of a runtime holds while it serves this invocation. */
const invocationContext = (requestId, traceId) => ({
  [PROTECTED_KEYS.REQUEST_ID]: requestId,
  [PROTECTED_KEYS.X_RAY_TRACE_ID]: traceId,
});

module.exports = { InvokeStore, invocationContext };
