"""Run by Lambent on the host, not in a sandbox: tells what this interpreter is, as one line of JSON.

It also compiles the runtime client's byte code where that is missing or stale, for sandboxes cannot write it.
"""

import glob
import importlib.util
import json
import os
import py_compile
import sys
import sysconfig


def _needs_original_prefix(prefix, executable):
    """Whether the interpreter looks for libraries by its absolute prefix, so that it cannot simply be moved."""
    if os.path.isdir(os.path.join(prefix, "openssl")):
        return True
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        return False
    with open(executable, "rb") as file:
        return os.path.join(prefix, "lib").encode() in file.read()


def _compile_client():
    own_directory = os.path.dirname(os.path.abspath(__file__))
    for source in glob.glob(os.path.join(own_directory, "lambent_runtime", "*.py")):
        cached = importlib.util.cache_from_source(source)
        try:
            if not os.path.exists(cached) or os.path.getmtime(cached) < os.path.getmtime(source):
                py_compile.compile(source, cfile=cached, doraise=True)
        except (OSError, py_compile.PyCompileError):
            return


base_executable = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
_compile_client()
print(
    json.dumps(
        {
            "version": "%d.%d.%d" % sys.version_info[:3],
            "executable": base_executable,
            "prefix": sys.base_prefix,
            "needsOriginalPrefix": _needs_original_prefix(sys.base_prefix, base_executable),
            "stable": sys.version_info.releaselevel == "final",
        }
    )
)
