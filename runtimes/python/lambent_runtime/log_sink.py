"""Where log records go: framed to the platform's telemetry descriptor, or as lines to standard output."""

import itertools
import os
import select
import sys
import time

_TEXT_FRAME = 0xA55A0003
_JSON_FRAME = 0xA55A0002
_PART = 0x20
# The kernel puts nothing of others into a write to a pipe that is no longer.
_ATOMIC_BYTES = 4096
_HEADER_BYTES = 16
_PART_TEXT_BYTES = _ATOMIC_BYTES - _HEADER_BYTES - 8
_records = itertools.count()
# By the tens of Python's levels: DEBUG is 10, CRITICAL is 50.
_LEVEL_MASKS = {0: 0x00, 10: 0x08, 20: 0x0C, 30: 0x10, 40: 0x14, 50: 0x18}


class StandardOutputSink:
    """One record, one line; the line breaks of an error become carriage returns."""

    line_separator = "\r"

    def write(self, text, is_json=False, level=0):
        sys.stdout.write(text)
        sys.stdout.flush()


class TelemetrySink:
    """Frames: type with the level's mask (4 bytes), length (4), microseconds since 1970 (8), big-endian, then text.

    What is longer than the kernel keeps whole comes in parts (0x20 in the type): before the text of each stand the id of
    the record (4) and the number of bytes still to come (4), which are in its length.
    """

    line_separator = "\n"

    def __init__(self, fd):
        self._fd = fd

    def write(self, text, is_json=False, level=0):
        # What the function has printed so far was printed before this record.
        sys.stdout.flush()
        payload = text.encode("utf-8", "backslashreplace")
        frame_type = (_JSON_FRAME if is_json else _TEXT_FRAME) | _LEVEL_MASKS[min(50, max(0, level)) // 10 * 10]
        microseconds = (time.time_ns() // 1000).to_bytes(8, "big")
        if len(payload) <= _ATOMIC_BYTES - _HEADER_BYTES:
            self._write_frame(frame_type, microseconds, payload)
            return
        record = ((os.getpid() & 0xFFFF) << 16 | next(_records) & 0xFFFF).to_bytes(4, "big")
        for start in range(0, len(payload), _PART_TEXT_BYTES):
            text = payload[start : start + _PART_TEXT_BYTES]
            left = (len(payload) - start - len(text)).to_bytes(4, "big")
            self._write_frame(frame_type | _PART, microseconds, record + left + text)

    def _write_frame(self, frame_type, microseconds, payload):
        frame = frame_type.to_bytes(4, "big") + len(payload).to_bytes(4, "big") + microseconds + payload
        while frame:
            try:
                frame = frame[os.write(self._fd, frame) :]
            except BlockingIOError:
                select.select([], [self._fd], [])


def create_log_sink():
    fd = os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
    return StandardOutputSink() if fd is None else TelemetrySink(int(fd))
