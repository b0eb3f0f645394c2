"""Fonts for a PDF: those that come with matplotlib, and the system's for other scripts."""

from __future__ import annotations

from pathlib import Path

__all__ = ["fallbacks", "shipped"]

SANS, BOLD, MONO = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf"
SUFFIXES = (".ttf", ".otf", ".ttc")


def shipped() -> list[tuple[str, str, str]]:
    """Family, style and file of each font that a report is written in: DejaVu, which has the
    Latin, Greek, Cyrillic and many other letters."""
    return [("sans", "", _file(SANS)), ("sans", "B", _file(BOLD)), ("mono", "", _file(MONO))]


def _file(name: str) -> str:
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name)


def fallbacks(text: str) -> list[str]:
    """Files of this computer's fonts that have what the shipped ones lack of ``text``; none where
    that is nothing. What no font has is written as boxes."""
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    missing = {ord(letter) for letter in text if letter.isprintable()}
    missing -= set(FT2Font(_file(SANS)).get_charmap())
    found = []
    for entry in font_manager.fontManager.ttflist if missing else ():
        if "LastResort" in entry.fname or Path(entry.fname).suffix.lower() not in SUFFIXES:
            continue
        has = missing & set(FT2Font(entry.fname).get_charmap())
        if has:
            found.append(entry.fname)
            missing -= has
        if not missing:
            break
    return found
