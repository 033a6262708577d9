"""The Runtime API over one kept-alive connection."""

import json
import select
import socket

from .channel import RuntimeChannel

_BASE = "/2018-06-01/runtime"
_READ_BYTES = 256 * 1024
# An assignment that comes within this time was waited for.
_SOON_SECONDS = 0.1


class RuntimeApiError(Exception):
    """The platform refused a request; the environment cannot go on."""


class RuntimeApiClient:
    """Sends each request in a single write and reads one answer at a time.

    From the first request for an event on it speaks in frames (`RuntimeChannel`) where the platform takes the offer.
    Waiting for an event has no time limit. A kept-alive connection that was closed before it answered is opened again
    once, as HTTP clients do.
    """

    def __init__(self, address, connection=None):
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._connection = connection
        self._received = b""
        self._channel = None
        self._offers_channel = True

    def next(self):
        """Wait for the next event; return its headers (names in lower case) and body."""
        while self._channel is not None or (self._offers_channel and self._open_channel()):
            try:
                headers, *rest = self._channel.next()
            except OSError:
                may_retry = self._channel.is_between_frames
                self._channel.close()
                self._channel = None
                if not may_retry:
                    raise
                continue
            if headers is None:
                raise _unexpected("next", *rest)
            return headers, rest[0]
        status, headers, body = self._exchange("GET", "/invocation/next", b"", {})
        if status != 200:
            raise _unexpected("next", status, body)
        return headers, body

    def _answer_in_frames(self, method, *arguments):
        """Send an answer over the channel; where that broke meanwhile it goes over HTTP."""
        if self._channel is None:
            return False
        try:
            getattr(self._channel, method)(*arguments)
        except OSError:
            self._channel.close()
            self._channel = None
            return False
        return True

    def _open_channel(self):
        """Ask for frames, and for the first event with them: the answer comes when there is one."""
        upgrade = {"Connection": "Upgrade", "Upgrade": "lambent-channel"}
        status, _, _ = self._exchange("GET", "/lambent/channel", b"", upgrade, base="")
        self._offers_channel = status == 101
        if self._offers_channel:
            self._go_on_in_frames(True)
        return self._offers_channel

    def _go_on_in_frames(self, is_asked):
        self._channel = RuntimeChannel(self._connection, self._received, is_asked)
        self._connection, self._received = None, b""

    def assignment(self, become, get_ready):
        """Wait, in an environment kept in reserve, until it gets its function.

        `become` is called with what it is told as soon as that is known; the last byte of the answer says that the code
        is there too. `get_ready` is called when it has waited for a moment.
        """

        def read():
            if not select.select([self._connection], [], [], _SOON_SECONDS)[0]:
                get_ready()
            status, headers = self._read_head()
            length = int(headers.get("content-length", "0"))
            if status != 200 or length == 0:
                return status, headers, self._read_body(headers)
            become(json.loads(self._take(length - 1)))
            self._take(1)
            return status, headers, None

        upgrade = {"Upgrade": "lambent-channel"}
        status, headers, body = self._exchange("GET", "/lambent/assignment", b"", upgrade, base="", read=read)
        if status != 200:
            raise _unexpected("assignment", status, body)
        if body is not None:
            become(json.loads(body))
        if headers.get("upgrade") == "lambent-channel":
            self._go_on_in_frames(False)

    def post_response(self, request_id, body, content_type, and_next=True):
        """Post the result of an invocation; `and_next`: nothing is to be done before the next event is asked for."""
        if self._answer_in_frames("post_response", request_id, body, and_next):
            return
        path = "/invocation/%s/response" % request_id
        status, _, answer = self._exchange("POST", path, body, {"Content-Type": content_type})
        # 413: the platform has told the caller about the oversized response itself; this environment goes on.
        if status not in (202, 413):
            raise _unexpected("response", status, answer)

    def post_error(self, request_id, body, error_type, and_next=True):
        """Post the error of an invocation; `and_next` as above."""
        if self._answer_in_frames("post_error", request_id, body, _printable(error_type), and_next):
            return
        self._post_error("/invocation/%s/error" % request_id, body, error_type)

    def post_init_error(self, body, error_type):
        """Post the error that ended the initialisation."""
        self._post_error("/init/error", body, error_type)

    def _post_error(self, path, body, error_type):
        headers = {"Content-Type": "application/json"}
        printable = _printable(error_type)
        if printable:
            headers["Lambda-Runtime-Function-Error-Type"] = printable
        status, _, answer = self._exchange("POST", path, body, headers)
        if status != 202:
            raise _unexpected(path, status, answer)

    def _exchange(self, method, path, body, headers, base=_BASE, read=None):
        lines = ["%s %s%s HTTP/1.1" % (method, base, path), "Host: " + self._host]
        lines += ["%s: %s" % header for header in headers.items()]
        if method == "POST":
            lines.append("Content-Length: %d" % len(body))
        request = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        may_retry = self._connection is not None
        while True:
            try:
                if self._connection is None:
                    self._connect()
                self._connection.sendall(request)
                return (read or self._read_response)()
            except OSError:
                self._connection.close()
                self._connection = None
                if not may_retry or self._received:
                    raise
                may_retry = False

    def _connect(self):
        self._received = b""
        self._connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._connection.connect((self._host, self._port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _read_response(self):
        status, headers = self._read_head()
        return status, headers, self._read_body(headers)

    def _read_head(self):
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status_line, *header_lines = _text(head).split("\r\n")
        headers = {}
        for line in header_lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(status_line.split(" ", 2)[1]), headers

    def _read_body(self, headers):
        if headers.get("transfer-encoding") == "chunked":
            return self._read_chunks()
        return self._take(int(headers.get("content-length", "0")))

    def _read_chunks(self):
        parts = []
        while True:
            while b"\r\n" not in self._received:
                self._receive()
            size_line, _, self._received = self._received.partition(b"\r\n")
            size = int(size_line.split(b";")[0], 16)
            part = self._take(size + 2)
            if size == 0:
                return b"".join(parts)
            parts.append(part[:size])

    def _take(self, length):
        """Read exactly so many bytes, without copying what has arrived again and again."""
        if len(self._received) < length:
            parts = [self._received]
            missing = length - len(self._received)
            while missing > 0:
                chunk = self._connection.recv(_READ_BYTES)
                if not chunk:
                    raise ConnectionError("The Runtime API closed the connection.")
                parts.append(chunk)
                missing -= len(chunk)
            self._received = b"".join(parts)
        body, self._received = self._received[:length], self._received[length:]
        return body

    def _receive(self):
        chunk = self._connection.recv(_READ_BYTES)
        if not chunk:
            raise ConnectionError("The Runtime API closed the connection.")
        self._received += chunk


def _printable(text):
    return "".join(c for c in text if " " <= c <= "~")


def _text(head):
    """Headers are UTF-8, as AWS sends the client context; anything else is taken byte by byte."""
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _unexpected(what, status, body):
    return RuntimeApiError('The Runtime API answered %d to "%s": %s' % (status, what, body.decode("utf-8", "replace")))
