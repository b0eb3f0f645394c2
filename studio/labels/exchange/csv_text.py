"""The text of a CSV file, whatever program saved it last: encoding, separator, column names."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Set
from pathlib import Path

from backends.errors import BadInput

__all__ = ["decoded", "table"]

CODE_PAGES = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "cp874", "cp932", "cp936", "cp949", "cp950", "mac_roman", "cp850", "cp852", "cp866", "cp437",
)  # fmt: skip
# In these the letters of most Western names are the same bytes.
LATIN = ("cp1252", "cp1254", "cp1250", "cp1257")
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
SEPARATORS = ",;\t|"
LONGEST_CELL = 1_000_000  # characters; a project's instructions are the longest honest cell
csv.field_size_limit(LONGEST_CELL)


def decoded(path: Path, encoding: str | None, known: Set[str]) -> str:
    """A file's text. Without a byte order mark it is UTF-8, or in the code page of somebody's
    Windows, as spreadsheets save it; that one is taken if only one reading is possible.

    :param encoding: the code page, if a person says it.
    :param known: names that should be in the file, if the project has them.
    :raises BadInput: the encoding is none, another, or cannot be known.
    """
    content = path.read_bytes()
    marked = next((name for mark, name in MARKS if content.startswith(mark)), None)
    try:
        return content.decode(encoding or marked or "utf-8")
    except LookupError as error:
        raise BadInput(
            "there is no encoding {encoding!r}; try cp1252, or leave it out", encoding=encoding
        ) from error
    except UnicodeDecodeError as error:
        if encoding is None and marked is None:
            text = _by_names(content, known) or _latin(content)
            if text is not None:
                return text
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(
            "line {line} of {name} is not in {value}; save the file as CSV in UTF-8, or "
            "name its encoding with --encoding, such as cp1252; nothing was taken",
            line=line,
            name=path.name,
            value=encoding or "UTF-8",
        ) from error


def table(
    text: str, needed: Set[str], name: str
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The column names, in small letters, and the rows that are not blank with their lines.

    The separator is what parts the first line into the needed columns.

    :raises BadInput: the columns are not there, or there twice, or a line is no CSV.
    """
    first, _, rest = text.partition("\n")
    skipped = 0
    given = re.fullmatch(r'"?sep=(.)"?\s*', first)
    if given:
        text, skipped = rest, 1
    for separator in given[1] if given else SEPARATORS:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        columns = _columns(next(_checked(rows, name, skipped), (0, []))[1])
        if needed <= set(columns):
            twice = sorted({c for c in columns if c and columns.count(c) > 1})
            if twice:
                raise BadInput(
                    "{name} has the column {twice} twice; take one away", name=name, twice=twice[0]
                )
            return columns, _checked(rows, name, skipped)
    raise BadInput(
        "{name} has no columns {needed}; its first line must name the columns, such "
        "as: item,annotator,value",
        name=name,
        needed=" and ".join(sorted(needed)),
    )


def _checked(rows: Iterator[list[str]], name: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    while True:
        line = rows.line_num + 1 + skipped  # type: ignore[attr-defined]
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadInput(
                "line {line} of {name} cannot be read as CSV ({error}); mend it, or save the "
                "file again as CSV, nothing was taken",
                line=line,
                name=name,
                error=error,
            ) from error
        if any(cell.strip() for cell in cells):
            yield line, cells


def _columns(cells: list[str]) -> list[str]:
    return [cell.strip("\ufeff \t\r").casefold().replace(" ", "_") for cell in cells]


def _by_names(content: bytes, known: Set[str]) -> str | None:
    """The text in the one code page in which the most cells beyond ASCII are known names."""
    beyond = {text for text in known if not text.isascii()}
    texts: dict[str, int] = {}
    for encoding in CODE_PAGES if beyond else ():
        text = _decoded_in(content, encoding)
        if text is not None:
            cells = re.split(r'[,;\t|"\r\n]+', text)
            texts[text] = sum(cell.strip().removeprefix("'") in beyond for cell in cells)
    most = max(texts.values(), default=0)
    best = [text for text, count in texts.items() if count == most]
    return best[0] if most and len(best) == 1 else None


def _latin(content: bytes) -> str | None:
    """The text, where all Western code pages agree on it and every word looks like one."""
    texts = {_decoded_in(content, encoding) for encoding in LATIN}
    text = texts.pop()
    if texts or text is None:
        return None
    words = re.findall(r"\w*[^\W\x00-\x7f]\w*", text)
    if not words or not all(re.search("[A-Za-z]", word) for word in words):
        return None
    return text


def _decoded_in(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None
