"""Events and results as JSON."""

import json
import marshal
import re
import sys

from .errors import RuntimeFault

# AWS: from Python 3.12 on results are not escaped to ASCII ("Python runtime", developer guide).
_ENSURE_ASCII = sys.version_info < (3, 12)
_ENCODER = json.JSONEncoder(ensure_ascii=_ENSURE_ASCII)
_ASCII_ENCODER = json.JSONEncoder()
_KEY_TYPES = (str, int, float, type(None))


def to_json(value):
    """Return JSON text as bytes; text that is no valid Unicode is escaped."""
    try:
        return _encode(value, _ENCODER).encode("utf-8")
    except UnicodeEncodeError:
        return _encode(value, _ASCII_ENCODER).encode("ascii")


def _encode(value, encoder):
    try:
        # Refuses what has a type of its own, a named tuple among them, which json would take for a tuple.
        marshal.dumps(value, 2)
        return encoder.encode(value)
    except Exception:
        plain = _PlainValues()
        text = encoder.encode(plain.of(value))
    if plain.decimal_mark is not None:
        text = re.sub('"%s([^"]*)"' % plain.decimal_mark, r"\1", text)
    return text


class _PlainValues:
    """What simplejson, which AWS's client encodes with, makes of values, as values that json writes alike."""

    def __init__(self):
        self.decimal_mark = None
        self._enclosing = set()

    def of(self, value):
        if value is None or isinstance(value, (str, int, float)):
            return value
        if isinstance(value, bytes):
            return value.decode("utf-8")
        if id(value) in self._enclosing:
            raise ValueError("Circular reference detected")
        self._enclosing.add(id(value))
        try:
            return self._of_object(value)
        finally:
            self._enclosing.discard(id(value))

    def _of_object(self, value):
        as_dict = getattr(value, "_asdict", None)
        if callable(as_dict) and not isinstance(value, type):
            fields = as_dict()
            if not isinstance(fields, dict):
                raise TypeError("_asdict() must return a dict, not %s" % type(fields).__name__)
            return self._of_dict(fields)
        if isinstance(value, (list, tuple)):
            return [self.of(item) for item in value]
        if isinstance(value, dict):
            return self._of_dict(value)
        return self._of_decimal(value)

    def _of_dict(self, value):
        # A list of pairs: as keys of a dict, "k" and b"k" would be one.
        return _Pairs((_key(key), self.of(item)) for key, item in value.items())

    def _of_decimal(self, value):
        """AWS: a Decimal becomes a number with all its digits; NaN is written as Python writes it."""
        # Looked up rather than imported: nobody can hold a Decimal without the module.
        decimal = sys.modules.get("decimal")
        if decimal is None or not isinstance(value, decimal.Decimal):
            raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
        if value.is_nan():
            return float("nan")
        if self.decimal_mark is None:
            import secrets

            # The encoder has no way to write raw text: a string nobody can guess marks the place.
            self.decimal_mark = secrets.token_hex(16)
        return self.decimal_mark + str(value)


class _Pairs(dict):
    """A dict to json, with the pairs given: json asks for items() where there is something in it."""

    def __init__(self, pairs):
        self._pairs = list(pairs)
        super().__init__({"": None} if self._pairs else {})

    def items(self):
        return self._pairs


def _key(key):
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if not isinstance(key, _KEY_TYPES):
        raise TypeError("keys must be str, int, float, bool or None, not %s" % type(key).__name__)
    return key


def unmarshal_event(body, content_type):
    """Return the event; anything but JSON is handed to the function as bytes."""
    if not content_type.startswith("application/json"):
        return body
    try:
        return json.loads(body)
    except Exception as error:
        raise RuntimeFault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from error


def marshal_result(result):
    """Return the body to post and its content type."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return to_json(result), "application/json"
    except Exception as error:
        raise RuntimeFault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from error
