"""The compiled code of one function version's modules.

An environment makes it after its first invocation, with every module that was loaded by then, the platform keeps it, and
later environments of the same deployment use it: AWS's packages hold sources, and the directory they are in can not be
written to, so that each environment would compile them anew.
"""

import marshal
import os
import socket
import sys
from importlib.machinery import SourceFileLoader

from .preloads import has_loaded_preloads

_VARIABLE = "_LAMBENT_CODE_CACHE"
_PATH = "/lambent/code-cache"
# Only what cannot change below an environment.
_READ_ONLY = ("/var/task/", "/opt/")
# Below this a pack costs more time than it saves.
_WORTHWHILE_BYTES = 50000


class CodeCache:
    """Sits below the import of sources until the first invocation is over; loaders and modules stay Python's own."""

    def __init__(self, makes, pack):
        self._made = {} if makes else None
        self._pack = pack
        self._original = SourceFileLoader.get_code
        original, take = self._original, self._take

        def get_code(loader, fullname):
            code = take(loader, fullname)
            return original(loader, fullname) if code is None else code

        self._replacement = get_code
        SourceFileLoader.get_code = get_code

    def _take(self, loader, fullname):
        path = loader.path
        if not path.startswith(_READ_ONLY):
            return None
        if self._made is None:
            data = self._pack.get(path)
            return None if data is None else marshal.loads(data)
        code = self._original(loader, fullname)
        self._made[path] = code
        return code

    def finish(self):
        """To be called when the first invocation has been answered: imports are Python's own again, and a pack is sent."""
        if SourceFileLoader.__dict__.get("get_code") is self._replacement:
            # It was inherited before.
            del SourceFileLoader.get_code
        if self._made is None:
            return
        try:
            packed = {path: marshal.dumps(code) for path, code in self._made.items()}
            size = sum(len(data) for data in packed.values())
            _send(marshal.dumps(packed) if size >= _WORTHWHILE_BYTES else b"")
        except Exception:
            # A pack is a convenience.
            return


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
            return CodeCache(True, None)
        body = _exchange("GET", b"")
        return CodeCache(False, marshal.loads(body)) if body else None
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
    """A connection of its own, which is gone afterwards; the answer's body."""
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    host, _, port = address.rpartition(":")
    head = "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall((head % (method, target, address, len(body))).encode("latin-1") + body)
        parts = []
        while part := connection.recv(1048576):
            parts.append(part)
    head, _, answer = b"".join(parts).partition(b"\r\n\r\n")
    return answer if head.split(b" ", 2)[1] == b"200" else b""
