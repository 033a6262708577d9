"""From the start of the interpreter to the end of the last invocation."""

import os
import sys

from .hand_over import hand_over_listeners

_WRAPPED = "--wrapped"


def main():
    """Hand over the listeners, then become the runtime. The function's code is not touched before that.

    What the interpreter itself runs at its start (sitecustomize on a PYTHONPATH that the function overrides) comes
    before this.
    """
    is_reserve = os.environ.get("LAMBENT_RESERVE") == "1"
    is_forked = os.environ.get("LAMBENT_ZYGOTE") == "1"
    if is_forked:
        _fork_for_sandboxes(os.environ.get("LAMBENT_RESERVE_PRELOAD") == "1")
    hand_over_listeners()
    client = _wait_for_function(is_forked) if is_reserve else None
    _start_wrapper()
    _arrange_search_path()
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    sys.stderr.reconfigure(encoding="utf-8", line_buffering=True)

    from .api_client import RuntimeApiClient
    from .runtime import Runtime

    Runtime(client or RuntimeApiClient(os.environ["AWS_LAMBDA_RUNTIME_API"])).run(os.environ.get("_HANDLER", ""))


def _fork_for_sandboxes(preloads):
    """Return in children of this process, each in a sandbox of its own, where all that is needed has been loaded."""
    from . import assignment, runtime  # noqa: F401 (imported now, so that it need not be later)

    if preloads:
        from .preloads import preload

        preload()

    known = set(sys.modules)
    from . import zygote

    assignment.rehearse()
    zygote.serve()
    for name in set(sys.modules) - known:
        del sys.modules[name]
    del sys.modules[__package__].zygote


def _wait_for_function(is_rehearsed):
    from . import assignment, runtime  # noqa: F401 (imported now, so that it need not be later)

    if not is_rehearsed:
        assignment.rehearse()
    client = assignment.take_assignment(is_rehearsed)
    del sys.modules[assignment.__name__], sys.modules[__package__].assignment
    return client


def _start_wrapper():
    """AWS: AWS_LAMBDA_EXEC_WRAPPER is started with the runtime's own command line as its arguments.

    It replaces this process and is expected to start the runtime again ("Modifying the runtime environment" in the
    developer guide). A wrapper that cannot be started ends the environment with exit status 127, as a shell would.
    """
    wrapper = os.environ.get("AWS_LAMBDA_EXEC_WRAPPER")
    if not wrapper or _WRAPPED in sys.argv:
        return
    telemetry = os.environ.get("_LAMBDA_TELEMETRY_LOG_FD")
    if telemetry is not None:
        os.set_inheritable(int(telemetry), True)
    try:
        os.execv(wrapper, [wrapper, sys.executable, sys.argv[0], _WRAPPED])
    except OSError as error:
        sys.stderr.write("%s: %s\n" % (wrapper, error.strerror))
        sys.stderr.flush()
        os._exit(127)


def _arrange_search_path():
    """AWS: the function's code and the layers come first, then PYTHONPATH with the runtime, then the library."""
    version = "python%d.%d" % sys.version_info[:2]
    task_root = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    first = [task_root, "/opt/python/lib/%s/site-packages" % version, "/opt/python"]
    # The directory of the started script comes again by way of PYTHONPATH.
    own_directory = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    rest = [entry for entry in sys.path if entry != own_directory and entry not in first]
    by_variable = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    where = sum(1 for entry in rest if entry in by_variable)
    sys.path[:] = first + rest[:where] + [own_directory] + rest[where:]
