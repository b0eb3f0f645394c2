"""From a command line's words to the jobs they mean, and those jobs run to their end here."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from backends.compute import devices
from backends.core import Answer, Frame, Request
from backends.errors import BadInput, MissingPart, StudioError
from backends.files import require_out
from backends.targets.reference import FORMS
from studio.engines.core import Event, Failed, Stepped
from studio.engines.inline import InlineEngine

__all__ = [
    "MODEL",
    "DeviceOption",
    "PrecisionOption",
    "ask",
    "check_folder",
    "comparison_reports",
    "finish",
    "methods_in",
    "pairs_in",
    "print_and_write",
    "reports",
    "settings_in",
]


MODEL = (
    "classifier, another model of the bundle (of a regressor the target is: more than 3.5), or "
    f"{FORMS}; ?classes=A,B&size=64&channels=3&mean=0.5&std=0.5 where it does not say so itself"
)


TARGETS = ("random", "nearest")


def _turn(device: str | None) -> str | None:
    return devices.use(device) if device else None


DeviceOption = Annotated[
    str | None,
    typer.Option(callback=_turn, help=f"cpu, cuda, mps or auto; else as {devices.SWITCH} says"),
]


def _turn_precision(name: str | None) -> str | None:
    return devices.use_precision(name) if name else None


PrecisionOption = Annotated[
    str | None,
    typer.Option(
        callback=_turn_precision,
        help="float32, tf32, bf16 or fp16; else as STUDIO_PRECISION says. Only float32 repeats an "
        "answer bit for bit",
    ),
]


def ask(request: Request) -> tuple[Answer, list[Frame]]:
    """A request's answer and the frames before it.

    :raises StudioError: the request cannot be carried out.
    """
    from backends import service

    *frames, answer = finish(lambda: service.explain(request))
    # A search that ends early shows its last step again, with the true total.
    return answer, list({frame.index: frame for frame in frames}.values())


def print_and_write(record: object, write: Callable[[], None] | None) -> None:
    """Write an answer's files, then print its record; the record also where they cannot be
    written, since an answer may have taken long.

    :raises OSError: they cannot.
    """
    printed = json.dumps(record, indent=2)
    try:
        if write is not None:
            write()
    except OSError:
        print(printed)
        raise
    print(printed)


def check_folder(out: Path | None) -> None:
    """:raises BadInput: there is a file where the folder should be, no folder can be there, or
    nothing can be written into it."""
    if out is None:
        return
    try:
        taken = any(p.exists() and not p.is_dir() for p in (out, *out.parents))
    except (OSError, ValueError) as error:
        raise BadInput("no folder can be called {out}; give --out another one", out=out) from error
    if taken:
        raise BadInput("{out} is a file, or lies in one; give --out a folder", out=out)
    require_out(out)


def reports(names: list[str], bundle: str) -> Callable[[Path, Answer, Sequence[Frame]], None]:
    """What writes an answer's reports and films into its folder.

    :param names: of formats.
    """
    from backends import service
    from studio.export import formats

    about = service.about(bundle)

    def write(folder: Path, answer: Answer, frames: Sequence[Frame]) -> None:
        formats.write_answer(folder, names, answer, frames, about)

    return write


def comparison_reports(
    names: list[str], requests: Mapping[str, Request], titles: Mapping[str, str],
    found: Mapping[str, tuple[Answer, Sequence[Frame]]], problems: Mapping[str, str],
    models: Sequence[str] = (),
) -> Callable[[Path], None]:  # fmt: skip
    """What writes the reports of several answers into the folder around them.

    :param titles: of the requests, by their names.
    :param models: two that were compared.
    """
    from backends import service
    from studio.export import formats
    from studio.export.comparison_report import Compared

    about = service.about(next(iter(requests.values())).bundle)
    compared = [
        Compared(titles[name], *answered, settings=requests[name].settings)
        for name, answered in found.items()
    ]
    lost = {titles[name]: reason for name, reason in problems.items()}

    def write(folder: Path) -> None:
        formats.write_comparison(folder, names, compared, lost, about, models)

    return write


def methods_in(text: str, bundle: str) -> list[str]:
    """The methods' names in ``all`` (that the bundle can run), ``a,b`` or ``a``.

    :raises NotFound: no such method.
    :raises MissingPart: the bundle can run none.
    """
    from backends import registry, service

    if text != "all":
        names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        for name in set(names) - set(registry.METHODS):
            registry.method(name)
        return names or [text]
    problems = {name: m["problem"] for name, m in service.about(bundle)["methods"].items()}
    able = [name for name, problem in problems.items() if problem is None]
    if not able:
        raise MissingPart(next(iter(problems.values())))
    return able


def settings_in(pairs: list[str], method: str, methods: list[str]) -> dict[str, str]:
    """One method's settings; ``other.key=value`` is meant for another of the methods."""
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadInput("--set {pair!r} is not of the form key=value", pair=pair)
        owner, dot, short = key.strip().partition(".")
        if not dot or owner not in methods:
            settings[key.strip()] = value.strip()
        elif owner == method:
            settings[short] = value.strip()
    return settings


def pairs_in(text: str) -> list[tuple[str, str]]:
    """``4:9,3:8`` -> (source, target) pairs, or those of a file with one such pair a line (a comma
    may stand for the colon); none for ``random`` and ``nearest``.

    :raises BadInput: it is something else.
    """
    if text in TARGETS:
        return []
    pieces, between = text.split(","), ":"
    if os.path.isfile(text):  # False for a list that is too long for a name
        lines = Path(text).read_text(encoding="utf-8-sig").splitlines()
        pieces = [line.replace(",", ":") for line in lines if line.strip()]
        if pieces and pieces[0].replace(" ", "").lower() == "source:target":  # a table's heading
            del pieces[0]
    pairs = [tuple(name.strip() for name in piece.split(between)) for piece in pieces]
    for pair in pairs:
        if len(pair) != 2 or not all(pair):
            raise BadInput(
                "--pairs {text!r} is not understood; write random, nearest, 4:9,3:8, or a file "
                "with one pair such as 4:9 a line",
                text=text,
            )
    return [(source, target) for source, target in pairs]


def finish(
    work: Callable[[], Iterator[Any]], on_item: Callable[[Any], None] = lambda item: None
) -> list[Any]:
    """Everything a job yields, through the same engine contract as the page's runs.

    :param on_item: called with each item as it comes.
    :raises StudioError: the job failed, in a sentence.
    """
    items: list[Any] = []
    failures: list[str] = []

    def sink(event: Event) -> None:
        match event:
            case Stepped(item=item):
                items.append(item)
                on_item(item)
            case Failed(reason=reason):
                failures.append(reason)

    InlineEngine().submit(work, "command line", sink)
    if failures:
        raise StudioError(failures[0])
    return items
