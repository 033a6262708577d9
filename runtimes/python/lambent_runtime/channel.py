"""The Runtime API in frames, over a connection that has been upgraded."""

import struct

_READ_BYTES = 256 * 1024
_HEADER = struct.Struct(">IB")
_EVENT = struct.Struct(">dBHHI")
# Kinds of frames, as src/runtime-api/channel-frames.ts has them.
_NEXT, _RESPONSE, _ERROR = 1, 2, 3
# Added to the kind of an answer that asks for the next event as well.
_AND_NEXT = 2
_FROM_PLATFORM_EVENT, _FROM_PLATFORM_ACCEPTED = 1, 2
_TYPE_LENGTH_MAX = 1024


class RuntimeChannel:
    """One write for an answer and the request for the next event together, and no acknowledgement of it."""

    def __init__(self, connection, received, is_asked):
        self._connection = connection
        self._received = received
        self._is_asked = is_asked

    def next(self):
        """Wait for the next event; return its headers and body, or what the platform refuses: (None, status, text).

        OSError, where the connection breaks, means that another one may be tried if nothing has been received.
        """
        if not self._is_asked:
            self._is_asked = True
            self._connection.sendall(_HEADER.pack(0, _NEXT))
        frame, kind = self._read_frame()
        if kind != _FROM_PLATFORM_EVENT:
            return None, struct.unpack_from(">H", frame)[0], frame[2:]
        self._is_asked = False
        return _event(frame)

    @property
    def is_between_frames(self):
        """Nothing of a frame has arrived yet."""
        return not self._received

    def post_response(self, request_id, body, and_next):
        """Post the result, and ask for the next event, or wait until it is accepted."""
        self._answer(_RESPONSE, _short_text(request_id), body, and_next)

    def post_error(self, request_id, body, error_type, and_next):
        """Post the error, and ask for the next event, or wait until it is accepted."""
        name = error_type.encode("latin-1")[:_TYPE_LENGTH_MAX]
        prefix = _short_text(request_id) + struct.pack(">H", len(name)) + name
        self._answer(_ERROR, prefix, body, and_next)

    def close(self):
        """End the connection."""
        self._connection.close()

    def _answer(self, kind, prefix, body, and_next):
        self._is_asked = and_next
        whole_kind = kind + _AND_NEXT if and_next else kind
        self._connection.sendall(_HEADER.pack(len(prefix) + len(body), whole_kind) + prefix + body)
        if not and_next:
            frame, answer = self._read_frame()
            if answer != _FROM_PLATFORM_ACCEPTED:
                raise ConnectionRefusedError(frame[2:].decode("utf-8", "replace"))

    def _read_frame(self):
        received = self._received
        while len(received) < _HEADER.size:
            received += self._receive()
            self._received = received
        length, kind = _HEADER.unpack_from(received)
        end = _HEADER.size + length
        if len(received) < end:
            parts, missing = [received], end - len(received)
            while missing > 0:
                part = self._receive()
                parts.append(part)
                missing -= len(part)
            received = b"".join(parts)
        self._received = received[end:]
        return received[_HEADER.size : end], kind

    def _receive(self):
        chunk = self._connection.recv(_READ_BYTES)
        if not chunk:
            raise ConnectionError("The Runtime API closed the connection.")
        return chunk


def _short_text(text):
    return bytes((len(text),)) + text.encode("latin-1")


def _event(frame):
    deadline_ms, *lengths = _EVENT.unpack_from(frame)
    names = (
        "lambda-runtime-aws-request-id",
        "lambda-runtime-invoked-function-arn",
        "lambda-runtime-trace-id",
        "lambda-runtime-client-context",
    )
    headers = {"lambda-runtime-deadline-ms": str(int(deadline_ms)), "content-type": "application/json"}
    at = _EVENT.size
    for name, length in zip(names, lengths):
        if length > 0:
            headers[name] = frame[at : at + length].decode("utf-8", "replace")
            at += length
    return headers, frame[at:]
