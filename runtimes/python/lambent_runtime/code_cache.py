"""The compiled code of one function version's modules.

An environment makes it after its first invocation, with every module that was loaded by then, the platform keeps it, and
later environments of the same deployment use it: AWS's packages hold sources, and the directory they are in can not be
written to, so that each environment would compile them anew. The regular expressions that
these compiled are kept with it, and what an AWS SDK among them has read of its files.
"""

import marshal
import os
import socket
import struct
import sys
from importlib.machinery import SourceFileLoader

from .packed_patterns import PackedPatterns
from .packed_sdk import PackedSdk
from .preloads import has_loaded_preloads

_VARIABLE = "_LAMBENT_CODE_CACHE"
_PATH = "/lambent/code-cache"
# Only what cannot change below an environment.
_READ_ONLY = ("/var/task/", "/opt/")
# Below this a pack costs more time than it saves.
_WORTHWHILE_BYTES = 50000
_LENGTH = struct.Struct("<I")
# More than an answer's head has; what is read with it is copied.
_HEAD_BYTES = 1024


class CodeCache:
    """Sits below the import of sources until the first invocation is over; loaders and modules stay Python's own."""

    def __init__(self, pack=None):
        """`pack`: what an earlier environment has made, as it was sent; without it, one is made."""
        self._makes = pack is None
        self._code, patterns, sdk = ({}, None, None) if pack is None else _read(pack)
        self._patterns = PackedPatterns(patterns)
        self._sdk = PackedSdk(sdk)
        self._original = SourceFileLoader.get_code
        original, take = self._original, self._take

        def get_code(loader, fullname):
            code = take(loader, fullname)
            return original(loader, fullname) if code is None else code

        self._replacement = get_code
        SourceFileLoader.get_code = get_code

    def _take(self, loader, fullname):
        self._sdk.look()
        path = loader.path
        if not path.startswith(_READ_ONLY):
            return None
        if not self._makes:
            data = self._code.get(path)
            return None if data is None else marshal.loads(data)
        code = self._original(loader, fullname)
        self._code[path] = code
        return code

    def finish(self):
        """To be called when the first invocation has been answered: imports are Python's own again, and a pack is sent."""
        if SourceFileLoader.__dict__.get("get_code") is self._replacement:
            # It was inherited before.
            del SourceFileLoader.get_code
        self._patterns.end()
        self._sdk.end()
        if not self._makes:
            return
        try:
            code = {path: marshal.dumps(code) for path, code in self._code.items()}
            is_worthwhile = sum(len(data) for data in code.values()) >= _WORTHWHILE_BYTES
            _send(_pack(code, self._patterns.pack(), *self._sdk.pack()) if is_worthwhile else b"")
        except Exception:
            # A pack is a convenience.
            return


def _pack(code, patterns, files, services):
    """Its index, the length of that before it, then what is read when it is needed, from where it lies."""
    parts = []
    index = marshal.dumps((_places(code, parts), patterns, _places(files, parts), services))
    return b"".join([_LENGTH.pack(len(index)), index, *parts])


def _places(contents, parts):
    places = {}
    end = sum(len(part) for part in parts)
    for name, data in contents.items():
        start, end = end, end + len(data)
        places[name] = (start, end)
        parts.append(data)
    return places


def _read(pack):
    start = _LENGTH.size + _LENGTH.unpack_from(pack)[0]
    code, patterns, files, services = marshal.loads(pack[_LENGTH.size : start])
    contents = pack[start:]
    placed = [{name: contents[begin:end] for name, (begin, end) in places.items()} for places in (code, files)]
    return placed[0], patterns, (placed[1], services)


class Report:
    """In the place of a CodeCache, of a function that is too small to have one: what it would say beside a pack."""

    def finish(self):
        try:
            _send(b"")
        except Exception:
            # Its next environment starts as this one has.
            return


def prepare_code_cache():
    """To be called before the function's code is loaded; None where there is nothing to do.

    The platform says in a variable, which the function does not see, whether this environment is to use a pack, to make
    one, to report only, or nothing.
    """
    what = os.environ.pop(_VARIABLE, None)
    if what is None or sys.flags.optimize:
        return None
    try:
        if what == "report":
            return Report()
        if what == "make":
            return CodeCache()
        body = _exchange("GET", b"")
        return CodeCache(body) if body else None
    except Exception:
        # The code is compiled as ever.
        return None


def drop_idle_report(code_cache):
    """To be called when the function's code is loaded: a report that would say nothing is none."""
    return None if isinstance(code_cache, Report) and not has_loaded_preloads() else code_cache


def _send(pack):
    """With what the platform chooses a waiting program for this deployment by."""
    _exchange("POST", pack, _PATH + "?preloads" if has_loaded_preloads() else _PATH)


def _exchange(method, body, target=_PATH):
    """A connection of its own, which is gone afterwards; the answer's body, empty where it is none."""
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    host, _, port = address.rpartition(":")
    head = "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall((head % (method, target, address, len(body))).encode("latin-1") + body)
        received = b""
        while b"\r\n\r\n" not in received:
            part = connection.recv(_HEAD_BYTES)
            if not part:
                raise ConnectionError("The Runtime API closed the connection.")
            received += part
        head, _, start = received.partition(b"\r\n\r\n")
        if head.split(b" ", 2)[1] != b"200":
            return b""
        return _receive_body(connection, head, start)


def _receive_body(connection, head, start):
    """To where it stays: each page of memory that is used for the first time costs more than what is in it."""
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    body = memoryview(bytearray(int(lengths[0].partition(b":")[2])))
    body[: len(start)] = start
    received = len(start)
    while received < len(body):
        count = connection.recv_into(body[received:])
        if count == 0:
            raise ConnectionError("The Runtime API closed the connection.")
        received += count
    return body
