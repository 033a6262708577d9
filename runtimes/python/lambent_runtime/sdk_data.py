"""What AWS's SDK reads of its own files to make a client, kept for programs that make the same one.

Half of a client's time goes into finding its services among a thousand directories, and into parsing their descriptions,
the same ones in every program.
"""

import os


class SdkData:
    """Records what clients read, then stands below the SDK's loaders until the first invocation is over.

    A loader may change what it has got: what is given away is never the same for two. Only what lies in these
    directories is in here, which cannot change below a program.
    """

    def __init__(self, loaders, *directories):
        self._loaders = loaders
        self._directories = tuple(directory.rstrip(os.sep) + os.sep for directory in directories)
        self._originals = (loaders.JSONFileLoader.load_file, loaders.Loader.list_available_services)
        self._replacements = None
        # Without its extension: what is in the file.
        self._files = {}
        # Of a type, in these directories.
        self._services = {}

    def record(self):
        """Until `read` or `withdraw`, loaders tell what they are asked for."""
        load_file, list_services = self._originals

        def recording_load_file(loader, file_path):
            data = load_file(loader, file_path)
            if data is not None and file_path.startswith(self._directories):
                self._files[file_path] = None
            return data

        def recording_list_services(loader, type_name):
            names = list_services(loader, type_name)
            places = _places(loader)
            if all(place.startswith(self._directories) for place in places):
                self._services[type_name, places] = tuple(names)
            return names

        self._replace(recording_load_file, recording_list_services)

    def read(self):
        """Read it all once more, as what the recorded clients have got is theirs; from now on, give it away, once."""
        files = dict(self.files())
        self.give(lambda file_path: files.pop(file_path, None), self._services)

    def files(self):
        """What was recorded, read once more: names, without their extension, and what is in the files."""
        load_file, _ = self._originals
        loader = self._loaders.JSONFileLoader()
        for file_path in self._files:
            yield file_path, load_file(loader, file_path)

    @property
    def services(self):
        """What was recorded: names by their type and the directories that have them."""
        return self._services

    def give(self, data_of, services):
        """From now on, give away what there is: `data_of` a file, None where nothing is; `services` as recorded."""
        load_file, list_services = self._originals

        def ready_load_file(loader, file_path):
            data = data_of(file_path)
            return load_file(loader, file_path) if data is None else data

        def ready_list_services(loader, type_name):
            names = services.get((type_name, _places(loader)))
            return list_services(loader, type_name) if names is None else list(names)

        self._replace(ready_load_file, ready_list_services)

    def withdraw(self):
        """Make the loaders the SDK's own again. What nobody has asked for stays, as its memory is shared with others."""
        if self._replacements is not None and self._present() == self._replacements:
            self._put(self._originals)
        self._replacements = None

    def _replace(self, *replacements):
        self._replacements = replacements
        self._put(replacements)

    def _put(self, functions):
        self._loaders.JSONFileLoader.load_file, self._loaders.Loader.list_available_services = functions

    def _present(self):
        return (self._loaders.JSONFileLoader.load_file, self._loaders.Loader.list_available_services)


def _places(loader):
    """Where a loader finds something: most of the directories that it looks in are not there."""
    return tuple(path for path in loader.search_paths if os.path.isdir(path))
