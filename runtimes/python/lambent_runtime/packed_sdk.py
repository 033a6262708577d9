"""What an AWS SDK of the function's own reads of its files to make a client, as a part of the function's pack."""

import sys

from .sdk_data import SdkData

_LOADERS = "botocore.loaders"
# Only what cannot change below an environment.
_DIRECTORIES = ("/var/task", "/opt")


class PackedSdk:
    """Waits for the function to load its SDK. What it parsed is in the pack as `pickle` writes it, a file by itself."""

    def __init__(self, packed=None):
        """`packed`: what an earlier environment has packed; without it, what is read is recorded."""
        self._packed = packed
        self._data = None
        self._is_over = False

    def look(self):
        """To be called now and then while the function's code is loaded: the SDK may be there now."""
        if self._data is not None or self._is_over:
            return
        loaders = sys.modules.get(_LOADERS)
        if loaders is None or getattr(loaders.__spec__, "_initializing", False):
            return
        self._is_over = True
        if not (getattr(loaders, "__file__", None) or "").startswith(tuple(each + "/" for each in _DIRECTORIES)):
            return
        try:
            self._data = self._begin(loaders)
        except AttributeError:
            # It is another SDK than those we know, and reads its files itself.
            return

    def _begin(self, loaders):
        data = SdkData(loaders, *_DIRECTORIES)
        if self._packed is None:
            data.record()
        else:
            files, services = self._packed
            data.give(lambda file_path: _load(files.get(file_path)), services)
        return data

    def end(self):
        """To be called when the first invocation has been answered: the SDK is its own again."""
        self._is_over = True
        if self._data is not None:
            self._data.withdraw()

    def pack(self):
        """What was recorded; to be called after the end."""
        if self._data is None:
            return {}, {}
        import pickle

        files = {file_path: pickle.dumps(data, 5) for file_path, data in self._data.files() if data is not None}
        return files, self._data.services


def _load(packed):
    if packed is None:
        return None
    import gc
    import pickle

    # All of it stays: to look for what does not costs a third of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return pickle.loads(packed)
    finally:
        if was_enabled:
            gc.enable()
