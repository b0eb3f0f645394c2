"""What an answer can be taken away as, beside its folder of pictures: each a file, made when it is
asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backends.core import Answer, Frame
from backends.errors import BadInput, MissingPart
from backends.sentences import Sentence
from studio.export.answer_report import answer_report
from studio.export.comparison_report import Compared, comparison_report, comparison_strip
from studio.export.document import Document
from studio.export.film import film_strip, require_video, video
from studio.export.html import html_page

if TYPE_CHECKING:
    from backends.service.bundles import BundleInfo

__all__ = ["FORMATS", "Format", "available", "formats_in", "write_answer", "write_comparison"]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    :ivar file: its name in an answer's folder.
    :ivar answer: writes it of one answer.
    :ivar comparison: writes it of several; None where there is none.
    :ivar require: raises MissingPart where a package is not installed.
    """

    title: str
    file: str
    answer: Callable[[Path, Answer, Sequence[Frame], BundleInfo], None]
    comparison: (
        Callable[[Path, Sequence[Compared], Mapping[str, str], BundleInfo, Sequence[str]], None]
        | None
    )
    require: Callable[[], None] = lambda: None


def _html(path: Path, document: Document) -> None:
    path.write_text(html_page(document), encoding="utf-8")


def _pdf(path: Path, document: Document) -> None:
    from studio.export.pdf import pdf_file

    pdf_file(path, document)


FORMATS: dict[str, Format] = {
    "html": Format(
        Sentence("Report (HTML)"), "report.html",
        lambda path, answer, frames, about: _html(path, answer_report(answer, frames, about)),
        lambda path, *compared: _html(path, comparison_report(*compared)),
    ),
    "pdf": Format(
        Sentence("Report (PDF)"), "report.pdf",
        lambda path, answer, frames, about: _pdf(path, answer_report(answer, frames, about)),
        lambda path, *compared: _pdf(path, comparison_report(*compared)),
    ),
    "strip": Format(
        Sentence("Film strip (PNG)"), "filmstrip.png",
        lambda path, answer, frames, about: film_strip(answer, frames).save(path),
        lambda path, found, *_: comparison_strip(found).save(path),
    ),
    "mp4": Format(
        Sentence("Film (MP4)"), "trajectory.mp4",
        lambda path, answer, frames, about: video(path, answer, frames),
        None, require_video,
    ),
}  # fmt: skip


def formats_in(text: str) -> list[str]:
    """The formats of a list such as ``html,pdf``; none of an empty one.

    :raises BadInput: there is no such format.
    :raises MissingPart: one needs a package that is not installed.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in FORMATS:
            raise BadInput(
                "there is no format {name!r}; choose from: {formats}",
                name=name,
                formats=", ".join(FORMATS),
            )
        FORMATS[name].require()
    return names


def available() -> list[str]:
    """The formats whose packages are installed."""
    found = []
    for name, format_ in FORMATS.items():
        try:
            format_.require()
        except MissingPart:
            continue
        found.append(name)
    return found


def write_answer(
    folder: Path, names: Sequence[str], answer: Answer, frames: Sequence[Frame], about: BundleInfo
) -> None:
    """Write an answer in some formats into a folder that is there.

    :param about: of the bundle, from :func:`backends.service.about`.
    """
    for name in names:
        FORMATS[name].answer(folder / FORMATS[name].file, answer, frames, about)


def write_comparison(
    folder: Path, names: Sequence[str], found: Sequence[Compared], problems: Mapping[str, str],
    about: BundleInfo, models: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write several answers in those of the formats that are for several.

    :param models: names of two models that were compared.
    """
    for name in names:
        if write := FORMATS[name].comparison:
            write(folder / FORMATS[name].file, found, problems, about, models)
