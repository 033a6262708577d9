"""AWS's SDK, which most functions use, loaded in the zygote of waiting programs that are meant for such functions."""

import os
import sys
from importlib.machinery import PathFinder

from .sdk_data import SdkData

# Where the library of this runtime is shown (manifest.json).
_LIBRARY = "/var/lambent/aws-sdk-python"
_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
# Those that functions use most, of which a client is to be made soon.
_SERVICES = ("s3", "dynamodb", "sqs", "sns", "lambda", "sts", "secretsmanager", "ssm", "events")
# Where a function's own modules are, and what it may write.
_OWN = ("/var/task", "/opt", "/tmp")

_data = None


def preload():
    """Import and read what makes up most of a client's start; leaves no client, no session and no warning."""
    global _data
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import boto3
        import botocore.loaders
        import botocore.session

        data = SdkData(botocore.loaders, _LIBRARY)
        data.record()
        try:
            # What is only imported when a client is made.
            core = botocore.session.Session()
            for file in ("config_file", "credentials_file"):
                core.set_config_variable(file, os.devnull)
            session = boto3.Session("none", "none", region_name="us-east-1", botocore_session=core)
            for service in set(_SERVICES).intersection(session.get_available_services()):
                session.client(service)
            data.read()
        except BaseException:
            data.withdraw()
            raise
    _data = data


def withdraw_preloads():
    """To be called when the first invocation has been answered: the SDK is its own again."""
    if _data is not None:
        _data.withdraw()


def has_loaded_preloads():
    """Whether the function uses the SDK, and has loaded nothing that it would not find the same after a preload."""
    if "botocore" not in sys.modules or not hasattr(sys, "stdlib_module_names"):
        return False
    try:
        return all(_is_ours(name) for name in _PACKAGES) and not _has_own_of_same_name()
    except (OSError, ValueError, ImportError):
        return False


def _is_ours(name):
    module = sys.modules.get(name)
    if module is not None:
        return (getattr(module, "__file__", None) or "").startswith(_LIBRARY + "/")
    found = PathFinder.find_spec(name)
    return found is None or (found.origin or "").startswith(_LIBRARY + "/")


def _has_own_of_same_name():
    """A module of the function's may have the name of one of Python's, and is found before that unless it is loaded."""
    for directory in sys.path:
        if not directory.startswith(_OWN) or not os.path.isdir(directory):
            continue
        names = {entry.partition(".")[0] for entry in os.listdir(directory)}
        if not names.isdisjoint(sys.stdlib_module_names):
            return True
    return False
