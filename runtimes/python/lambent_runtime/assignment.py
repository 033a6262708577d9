"""Waits, in an environment kept in reserve, for the function it will serve."""

import os
import socket
import struct
import sys
import time

from .api_client import RuntimeApiClient
from .handler_loader import load_handler
from .lambda_context import LambdaContext
from .marshaller import marshal_result, unmarshal_event

# What is this process's own: which descriptor it has for log records, and what the interpreter has set itself
# where it found no UTF-8 locale (PEP 538).
_KEPT = ("_LAMBDA_TELEMETRY_LOG_FD", "LC_CTYPE")
_ROUNDS = 20
_IMPORTS = 2
_EVENT = b'{"rehearsal":true,"list":[1,2.5,null],"text":"\\u00e9"}'
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lambent-channel\r\n\r\n"
# An event as channel.py takes it: length and kind, deadline, the lengths of id, ARN, trace and client context.
_FRAME = struct.pack(">IBdBHHI", 18 + len(_EVENT), 1, 0.0, 1, 0, 0, 0) + b"0" + _EVENT


def rehearse(rounds=None):
    """Play through what will be done for the function; `rounds`: fewer than make everything specialised."""
    _rehearse_import(rounds or _IMPORTS)
    _rehearse_invocations(rounds or _ROUNDS)


def take_assignment(is_forked):
    """Become what a process started for the function would be; return the client that goes on with the Runtime API.

    The environment is the function's and nothing else, and the directory the one that shows its code since. What was
    forked has rehearsed before; where nobody wants it at once it does so once more, to own the memory that it will
    write to.
    """
    client = RuntimeApiClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    client.assignment(_become, lambda: rehearse(1) if is_forked else None)
    os.chdir("/var/task")
    return client


def _become(told):
    variables = told["environmentVariables"]
    present = dict(os.environ)
    for name in set(present).difference(variables, _KEPT):
        del os.environ[name]
    # Each change is a call into the C library; most variables are the runtime's own and the same.
    for name, value in variables.items():
        if present.get(name) != value:
            os.environ[name] = value
    if present.get("TZ") != os.environ.get("TZ"):
        time.tzset()


def _rehearse_import(rounds):
    """Import a source from a directory that was never seen, so that the compiler and all else it needs is there."""
    directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rehearsal")
    path = list(sys.path)
    for _ in range(rounds):
        sys.path.insert(0, directory)
        load_handler("rehearsal_function.handler")
        del sys.modules["rehearsal_function"], sys.path_importer_cache[directory]
        sys.path[:] = path


def _rehearse_invocations(rounds):
    """Play invocations against ourselves, so that the first real one finds everything loaded and specialised."""
    ours, theirs = socket.socketpair()
    client = RuntimeApiClient("127.0.0.1:0", ours)
    theirs.sendall(_SWITCHING)
    for _ in range(rounds):
        theirs.sendall(_FRAME)
        headers, body = client.next()
        LambdaContext(headers)
        result, content_type = marshal_result(unmarshal_event(body, headers["content-type"]))
        client.post_response("0", result, content_type)
        theirs.recv(65536)
    ours.close()
    theirs.close()
