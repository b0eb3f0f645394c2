"""Which language a browser's header asks for."""

import pytest

from studio.translation import preferred

BOTH = ("en", "de")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de-CH-1996,fr;q=0.9", "de"),
        ("fr,de;q=0.5", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("en;q=0.4,de;q=0.8", "de"),
        ("de;q=0,en;q=0.1", "en"),
        ("de;q=0", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("fr,*;q=0.1", "en"),
        ("*;q=0.1,de", "de"),
        ("de ; q = 0.7 , fr", "de"),
        ("de;q=many,fr", "en"),
        ("de;q=nan", "en"),
        ("de;q=7", "en"),
        ("de;level=1", "en"),
        (";;,,;q=1,=", "en"),
        ("../../etc/passwd,de;q=0.1", "de"),
        ("\x00\xff,de", "de"),
        ("x," * 100_000 + "de", "en"),
    ],
)
def test_the_language_of_a_header(header, language):
    assert preferred(header, BOTH) == language


def test_only_what_is_offered():
    assert preferred("de", ("en",)) == "en"
