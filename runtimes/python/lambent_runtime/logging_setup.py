"""The handler that AWS preinstalls on Python's root logger, in text or JSON."""

import json
import logging
import os
import time
import traceback

from .errors import log_lines
from .marshaller import to_json

_STANDARD_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"taskName", "message", "asctime"}
_JSON_TIME = "%Y-%m-%dT%H:%M:%SZ"
_INIT_FAILED = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare "
    "cases, a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, "
    "runtime updates can be triggered by a function change, or can be applied automatically. To determine if the "
    "runtime has been updated, check the runtime version in the INIT_START log entry. If this error correlates with a "
    "change in the runtime version, you may be able to mitigate this error by temporarily rolling back to the previous "
    "runtime version. For more information, see https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)
_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"


class LambdaLogging:
    """Knows the log format and level, and the request id to put into each record."""

    def __init__(self, sink):
        self.request_id = ""
        self.tenant_id = None
        self._sink = sink
        self._is_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
        self._level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG")

    def install(self):
        """Put AWS's handler on the root logger; its level stays Python's own unless one was configured."""
        logging.Formatter.converter = time.gmtime
        handler = _SinkHandler(self._sink, self._is_json, bool(self._level))
        formatter = _JsonFormatter() if self._is_json else logging.Formatter(_TEXT_FORMAT, "%Y-%m-%dT%H:%M:%S")
        handler.setFormatter(formatter)
        handler.addFilter(self._add_invocation)
        root = logging.getLogger()
        if isinstance(logging.getLevelName(self._level), int):
            root.setLevel(self._level)
        root.addHandler(handler)

    def log_init_error(self, payload):
        """AWS: a warning stands before the error that ends the initialisation."""
        logging.warning(_INIT_FAILED)
        self.log_error(payload)

    def log_error(self, payload):
        """Log an error payload the way AWS's runtimes do."""
        if self._is_json:
            entry = {"timestamp": time.strftime(_JSON_TIME, time.gmtime()), "level": "ERROR", **payload}
            self._sink.write(to_json(entry).decode("utf-8") + "\n", is_json=True, level=logging.ERROR)
        else:
            text = self._sink.line_separator.join(log_lines(payload))
            self._sink.write(text + "\n", level=logging.ERROR)

    def _add_invocation(self, record):
        record.aws_request_id = self.request_id
        record.tenant_id = self.tenant_id
        return True


class _SinkHandler(logging.Handler):
    def __init__(self, log_sink, is_json, marks_level):
        super().__init__()
        self.log_sink = log_sink
        self._is_json = is_json
        self._marks_level = marks_level or is_json

    def emit(self, record):
        level = record.levelno if self._marks_level else 0
        self.log_sink.write(self.format(record), is_json=self._is_json, level=level)


class _JsonFormatter(logging.Formatter):
    def format(self, record):
        level = min(50, max(0, record.levelno)) // 10 * 10
        is_mapping = isinstance(record.msg, dict) and not record.args
        entry = {
            "timestamp": self.formatTime(record, _JSON_TIME),
            "level": logging.getLevelName(level),
            "message": record.msg if is_mapping else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            error_type, error, trace = record.exc_info
            entry["stackTrace"] = traceback.format_tb(trace)
            entry["errorType"] = None if error_type is None else error_type.__name__
            entry["errorMessage"] = str(error)
        entry["requestId"] = record.aws_request_id
        if record.exc_info:
            entry["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
        entry["tenantId"] = record.tenant_id
        for name, value in vars(record).items():
            if name not in _STANDARD_ATTRIBUTES and name not in ("aws_request_id", "tenant_id"):
                entry.setdefault(name, value)
        present = {name: value for name, value in entry.items() if value is not None}
        return json.dumps(present, ensure_ascii=False, default=str) + "\n"
