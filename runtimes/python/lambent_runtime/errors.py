"""How errors are described to the Runtime API and in the log."""

import os
import traceback

_OWN_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
_NO_BREAK_SPACE = "\u00a0"


class RuntimeFault(Exception):
    """A failure for which AWS has a type of its own, "Runtime.…"."""

    def __init__(self, error_type, message, stack_trace=()):
        super().__init__(message)
        self.error_type = error_type
        self.stack_trace = list(stack_trace)


def describe(error, request_id=""):
    """Return the error payload of AWS's Python runtimes."""
    if isinstance(error, RuntimeFault):
        error_type, stack_trace = error.error_type, error.stack_trace
    else:
        error_type, stack_trace = type(error).__name__, _function_frames(error)
    return {
        "errorMessage": str(error),
        "errorType": error_type,
        "requestId": request_id,
        "stackTrace": stack_trace,
    }


def _function_frames(error):
    """The frames below the runtime's own."""
    frames = traceback.extract_tb(error.__traceback__)
    first = 0
    while first < len(frames) - 1 and frames[first].filename.startswith(_OWN_DIRECTORY):
        first += 1
    return traceback.format_list([tuple(frame) for frame in frames[first:]])


def log_lines(payload):
    """Return the lines that AWS logs for an error payload; the trace is indented with no-break spaces."""
    title = "[ERROR]"
    if payload["errorType"]:
        title += " " + payload["errorType"]
    if payload["errorMessage"]:
        title += (": " if payload["errorType"] else " ") + payload["errorMessage"]
    lines = [title, "Traceback (most recent call last):"]
    for element in payload["stackTrace"]:
        for line in element.splitlines() or [""]:
            text = line.lstrip(" ")
            lines.append(_NO_BREAK_SPACE * (len(line) - len(text)) + text)
    return lines
