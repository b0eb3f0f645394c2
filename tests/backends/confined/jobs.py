"""What parsers of strangers' bytes do at their worst."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from backends.confined import allowed
from backends.errors import NotFound


@allowed
def doubled(number):
    return 2 * number


@allowed
def refused():
    raise NotFound("there is no such thing; choose another")


@allowed
def confused():
    raise TypeError("a parser's own words")


@allowed
def ended(by):
    os.kill(os.getpid(), signal.Signals[by])
    time.sleep(60)


@allowed
def crashed():
    ctypes.string_at(0)


@allowed
def left(code):
    os._exit(code)


@allowed
def slept():
    time.sleep(600)


@allowed
def spun():
    while True:
        pass


@allowed
def grown(size):
    return len(bytearray(size))


@allowed
def written(to, size):
    with Path(to).open("wb") as file:
        for _ in range(size // 1_000_000):
            file.write(bytes(1_000_000))


@allowed
def opened():
    return [os.open(os.devnull, os.O_RDONLY) for _ in range(5000)]


@allowed
def told(size):
    return "x" * size


@allowed
def printed():
    os.write(1, b"y" * 100_000)
    return "well"


@allowed
def surroundings():
    loaded = [name for name in ("torch", "gradio") if name in sys.modules]
    return {"environment": dict(os.environ), "folder": str(Path.cwd()), "loaded": loaded}


@allowed
def waited(mark, seconds):
    Path(mark).touch()
    time.sleep(seconds)


def unmarked():
    pass


@allowed
def prepared():
    """What takes long to import."""


_words = []


@allowed
def remembered(word):
    _words.append(word)
    return _words
