"""The loop: wait for an event, run the handler, answer."""

import os
import sys

from .code_cache import drop_idle_report, prepare_code_cache
from .errors import describe
from .handler_loader import load_handler
from .lambda_context import LambdaContext
from .log_sink import create_log_sink
from .logging_setup import LambdaLogging
from .marshaller import marshal_result, to_json, unmarshal_event
from .preloads import withdraw_preloads


class Runtime:
    def __init__(self, client):
        self._client = client
        self._code_cache = None
        self._logging = LambdaLogging(create_log_sink())

    def run(self, handler_name):
        """Serve invocations until the process ends; sys.exit() in the function's code ends it, as on AWS."""
        self._logging.install()
        self._code_cache = prepare_code_cache()
        try:
            handler = load_handler(handler_name)
            self._code_cache = drop_idle_report(self._code_cache)
        except Exception as error:
            payload = describe(error)
            self._logging.log_init_error(payload)
            _flush()
            self._client.post_init_error(to_json(payload), payload["errorType"])
            sys.exit(1)
        self._serve_one(handler)
        self._end_start()
        while True:
            self._serve_one(handler)

    def _end_start(self):
        """What made the start sooner is of no use any more."""
        withdraw_preloads()
        if self._code_cache is not None:
            self._code_cache.finish()
            self._code_cache = None

    def _serve_one(self, handler):
        try:
            headers, body = self._client.next()
        except OSError:
            # A connection that is gone here means that the platform is done with this environment.
            sys.exit(1)
        request_id = headers["lambda-runtime-aws-request-id"]
        self._logging.request_id = request_id
        self._logging.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        _set_trace_id(headers.get("lambda-runtime-trace-id"))
        payload = None
        try:
            context = LambdaContext(headers)
            event = unmarshal_event(body, headers.get("content-type", "application/json"))
            result, content_type = marshal_result(handler(event, context))
        except Exception as error:
            payload = describe(error, request_id)
        # The answer ends the invocation: what was printed belongs before it.
        _flush()
        and_next = self._code_cache is None
        if payload is None:
            self._client.post_response(request_id, result, content_type, and_next)
        else:
            self._logging.log_error(payload)
            self._client.post_error(request_id, to_json(payload), payload["errorType"], and_next)


def _flush():
    sys.stdout.flush()
    sys.stderr.flush()


def _set_trace_id(trace_id):
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
