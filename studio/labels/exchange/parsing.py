"""Read what people give to be imported, in a process of its own: it unpacks, parses and checks
bytes that may be damaged, or made to do harm."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from backends.confined import allowed, limited
from backends.errors import BadInput
from studio.labels.exchange.allowance import VISITOR, Allowance
from studio.labels.exchange.options import PARTS, ReadOptions
from studio.labels.exchange.parsed import KEPT, READ, KeptPictures, received, sent
from studio.labels.exchange.rows import LabelSet
from studio.labels.exchange.sources import placed, reader
from studio.labels.exchange.unzip import unzip

__all__ = ["parse"]


def parse(
    source: Path,
    scratch: Path,
    format: str | None,
    options: ReadOptions,
    allowance: Allowance = VISITOR,
) -> tuple[LabelSet, Path]:
    """A source's label set, and the folder that its file lies in.

    :param source: file, folder, or zip of a folder.
    :param scratch: an empty folder for what is in it; pictures of the label set are files there.
    :param format: if a person says it.
    :raises BadInput: it cannot be used, with the line and the reason.
    :raises NotFound: the folder does not have the format's file.
    """
    source = source.absolute()
    if source.is_file() and source.stat().st_size > allowance.content:
        raise BadInput(
            "{name} has more than {content:g} GB; {parts}",
            name=source.name,
            content=allowance.content / 1000000000.0,
            parts=PARTS,
        )
    told = limited(
        parse_confined, source.name, allowance.process, source=str(source), scratch=str(scratch),
        format=format, control=options.control, encoding=options.encoding,
        known=sorted(options.known), counts=allowance.counts,
    )  # fmt: skip
    told = told if isinstance(told, dict) else {}
    folder = source if source.is_dir() else source.parent
    if isinstance(told.get("unpacked"), str):
        folder = scratch / READ / told["unpacked"]
        if not folder.resolve().is_relative_to(scratch.resolve()):
            raise BadInput("{name} leads out of its folder; zip the folder again", name=source.name)
    return received(told, scratch, folder, allowance), folder


@allowed
def parse_confined(
    source: str, scratch: str, format: str | None, control: str | None, encoding: str | None,
    known: list[str], counts: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """As :func:`parse`, in the process that is confined."""
    allowance = Allowance(**counts)
    file, place, told = Path(source), Path(scratch), {}
    given = file
    if file.is_file() and (zipfile.is_zipfile(file) or file.suffix.lower() == ".zip"):
        given = unzip(file, place / READ)
        told["unpacked"] = given.relative_to(place / READ).as_posix()
    path, chosen = placed(given, format, file.name)
    if path.is_file() and path.stat().st_size > allowance.text:
        raise BadInput(
            "{name} has more than {text:g} MB; {parts}",
            name=path.name,
            text=allowance.text / 1000000.0,
            parts=PARTS,
        )
    pictures = KeptPictures(place / KEPT, allowance)
    options = ReadOptions(control, encoding, frozenset(known), pictures.keep, allowance.rows)
    labels: LabelSet = reader(chosen).read(path, options)
    options.check_rows(len(labels.items) + len(labels.responses) + len(labels.suggestions))
    return told | sent(labels, place, given if given.is_dir() else given.parent)
