"""Events and results as JSON."""

import json
import re
import sys

from .errors import RuntimeFault

# AWS: from Python 3.12 on results are not escaped to ASCII ("Python runtime", developer guide).
_ENSURE_ASCII = sys.version_info < (3, 12)


class _Encoder(json.JSONEncoder):
    """AWS: a Decimal becomes a number with all its digits; NaN and infinities are written as Python writes them."""

    def __init__(self, ensure_ascii):
        super().__init__(ensure_ascii=ensure_ascii)
        self._decimal_mark = None

    def default(self, o):
        # Looked up rather than imported: nobody can hold a Decimal without the module.
        decimal = sys.modules.get("decimal")
        if decimal is None or not isinstance(o, decimal.Decimal):
            return super().default(o)
        if o.is_nan():
            return float("nan")
        if self._decimal_mark is None:
            import secrets

            # The encoder has no way to write raw text: a string nobody can guess marks the place.
            self._decimal_mark = secrets.token_hex(16)
        return self._decimal_mark + str(o)

    def encode(self, o):
        text = super().encode(o)
        if self._decimal_mark is not None:
            text = re.sub('"%s([^"]*)"' % self._decimal_mark, r"\1", text)
        return text


def to_json(value):
    """Return JSON text as bytes; text that is no valid Unicode is escaped."""
    try:
        return _Encoder(_ENSURE_ASCII).encode(value).encode("utf-8")
    except UnicodeEncodeError:
        return _Encoder(True).encode(value).encode("ascii")


def unmarshal_event(body, content_type):
    """Return the event; anything but JSON is handed to the function as bytes."""
    if not content_type.startswith("application/json"):
        return body
    try:
        return json.loads(body)
    except ValueError as error:
        raise RuntimeFault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from error


def marshal_result(result):
    """Return the body to post and its content type."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return to_json(result), "application/json"
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from error
