"""Files as a stranger may make them, and what importing them does to this process."""

import json
import random
import shutil
import zipfile

from backends.errors import BadInput, NotFound
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
    """That many damaged copies of a file: bytes, stretches, lengths, numbers."""
    draw = random.Random(seed)
    for _ in range(count):
        content = bytearray(whole)
        for _ in range(draw.choice((1, 1, 2, 8))):
            at = draw.randrange(max(1, len(content)))
            kind = draw.randrange(5)
            if kind == 0:
                content[at : at + 1] = bytes([draw.randrange(256)])
            elif kind == 1:
                del content[at : at + draw.choice((1, 4, 100, len(content)))]
            elif kind == 2:
                content[at:at] = content[max(0, at - 50) : at] * draw.choice((1, 20))
            elif kind == 3:
                content[at : at + 4] = draw.choice((b"\xff\xff\xff\x7f", bytes(4), b"\x80" * 4))
            else:
                content[at:at] = draw.choice(WORDS)
        yield bytes(content)


WORDS = [
    b"1e999", b"-1", b"null", b"[[[[", b"{}", b'"', b"\x00", b"\xed\xa0\x80", b"\\ud800",
    b"99999999999999999999999", b"2024-13-45T99:99:99Z", b"0000-00-00", b"9" * 5000, b"../../",
    b"C:\\\\", b",", b"\n", b"\xe2\x80\xae",
]  # fmt: skip


def packed(folder):
    """A zip of a folder."""
    return shutil.make_archive(str(folder), "zip", folder)


def rezipped(path, files):
    """A zip of names and contents."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path
