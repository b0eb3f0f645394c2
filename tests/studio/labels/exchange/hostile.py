"""Files as a stranger may make them, and what importing them does to this process."""

import json
import random
import shutil
import zipfile

from backends.errors import BadInput, NotFound
from benchmarks.fuzz.damage import damaged
from studio.labels import exchange


def refused(elsewhere, path, **options):
    """The sentence that an import is refused with; None where it is taken."""
    try:
        exchange.import_labels(elsewhere, None, path, **options)
    except (BadInput, NotFound) as error:
        text = str(error)
        assert text.strip(), "a refusal says something"
        assert "Traceback" not in text
        return text
    return None


def flipped(whole, at):
    """A file with one damaged byte."""
    return whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]


def mutations(whole, count, seed):
    """That many damaged copies of a file."""
    draw = random.Random(seed)
    return [damaged(draw, whole) for _ in range(count)]


def packed(folder):
    """A zip of a folder."""
    return shutil.make_archive(str(folder), "zip", folder)


def rezipped(path, files):
    """A zip of names and contents."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path
