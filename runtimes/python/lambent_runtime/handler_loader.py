"""Finds the function that a handler name stands for."""

import importlib
import sys

from .errors import RuntimeFault


def load_handler(handler):
    """Import "dir/module.function" and return the function; types and texts of failures are AWS's."""
    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        raise RuntimeFault(
            "Runtime.MalformedHandlerName",
            "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % handler,
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise RuntimeFault(
            "Runtime.BuiltInModuleConflict",
            "Cannot use built-in module %s as a handler module" % module_name,
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        _advise_on_missing_sdk(error)
        raise RuntimeFault(
            "Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error)
        ) from error
    except SyntaxError as error:
        raise RuntimeFault(
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module '%s': %s" % (module_name, error),
            ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)],
        ) from error
    try:
        return getattr(module, function_name)
    except AttributeError as error:
        raise RuntimeFault(
            "Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name)
        ) from error


def _advise_on_missing_sdk(error):
    """AWS's runtimes bring the SDK; where this machine has none, the log says how to have it."""
    if error.name in ("boto3", "botocore"):
        sys.stderr.write(
            "%s is neither in the package nor on this machine. The AWS SDK that AWS's runtime brings comes with: "
            "lambent runtime install aws-sdk-python\n" % error.name
        )
        sys.stderr.flush()
