"""Regular expressions that a function's modules compile while they are loaded, as a part of the function's pack."""

import re
import sys
import threading
import types

# `re` gives these a meaning that its code alone does not have: DEBUG prints, LOCALE asks the process.
_UNFIT_FLAGS = int(re.DEBUG | re.LOCALE)
# Python may warn of a pattern with one of these, when it is compiled.
_WARNED_OF = ("[[", "[^[", "--", "&&", "~~", "||")


class PackedPatterns:
    """Stands below `re` until the first invocation is over. A pattern is its own, made of the code that Python had made of it."""

    def __init__(self, packed=None):
        """`packed`: what an earlier environment has packed; without it, what is compiled is recorded."""
        self._made = {}
        self._compiler = getattr(re, "_compiler", None) or sys.modules.get("sre_compile")
        self._original = self._replacement = None
        try:
            self._original = self._compiler.compile
            self._replacement = self._recording() if packed is None else self._ready(packed)
        except (AttributeError, ValueError):
            # Another Python than those we know compiles as ever.
            return
        self._compiler.compile = self._replacement

    def _recording(self):
        native, given = self._compiler._sre, threading.local()

        def compile_and_keep(*arguments):
            given.last = arguments
            return native.compile(*arguments)

        # Python's own function, which tells what it gives to the part of `re` that is not written in Python.
        beside = types.SimpleNamespace(**{**vars(native), "compile": compile_and_keep})
        original = types.FunctionType(
            self._original.__code__,
            {**vars(self._compiler), "_sre": beside},
            self._original.__name__,
            self._original.__defaults__,
        )

        def compile_and_record(pattern, flags=0):
            compiled = original(pattern, flags)
            if type(pattern) in (str, bytes):
                self._made[pattern, int(flags)] = given.last[1:]
            return compiled

        return compile_and_record

    def _ready(self, packed):
        original, native_compile = self._original, self._compiler._sre.compile

        def take_or_compile(pattern, flags=0):
            made = packed.get((pattern, int(flags))) if type(pattern) in (str, bytes) else None
            return original(pattern, flags) if made is None else native_compile(pattern, *made)

        return take_or_compile

    def end(self):
        """To be called when the first invocation has been answered: `re` is its own again."""
        if self._replacement is not None and self._compiler.compile is self._replacement:
            self._compiler.compile = self._original

    def pack(self):
        """What was recorded; to be called after the end."""
        return {
            (pattern, flags): _plain(*made)
            for (pattern, flags), made in self._made.items()
            if not made[0] & _UNFIT_FLAGS and not _may_be_warned_of(pattern)
        }


def _plain(flags, code, groups, names, indexes):
    """Numbers have names in `re` that a pack has not."""
    return int(flags), [int(each) for each in code], groups, dict(names), tuple(indexes)


def _may_be_warned_of(pattern):
    text = pattern if type(pattern) is str else pattern.decode("latin-1")
    return any(each in text for each in _WARNED_OF)
