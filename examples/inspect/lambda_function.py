"""Opens the zip of the event, checks every checksum, and counts the words of each file."""

import base64
import io
import zipfile


def handler(event, context):
    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(event["zip"])))
    damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} is damaged")
    words = {name: len(archive.read(name).split()) for name in archive.namelist()}
    print(f"{len(words)} files, {sum(words.values())} words, {context.get_remaining_time_in_millis()} ms left")
    return {"words": words}
