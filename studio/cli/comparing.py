"""One question to several methods, with several settings, or to two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from backends import service
from backends.core import Answer, Frame, Request
from backends.errors import BadInput, StudioError
from studio import export
from studio.cli import options
from studio.export import tables
from studio.export.labels import answer_titles, folder_names
from studio.runs.comparison import questions
from studio.runs.variants import variants_in

__all__ = ["answer_each", "compare", "several_in"]


def several_in(words: Sequence[str], methods: Sequence[str]) -> bool:
    """Whether a setting has several values, as ``rcsb.steps=50,100`` does."""
    if not any("," in word for word in words):  # the methods need not be loaded for this
        return False
    return any(len(rows) > 1 for rows in variants_in(words, methods).values())


def compare(
    asked: Request, methods: Sequence[str], words: Sequence[str], second: str, out: Path | None,
    formats: Sequence[str],
) -> None:  # fmt: skip
    """Ask each method with each of its settings, and each of two models; print and write the
    answers by what tells them apart.

    :param words: ``method.key=v1,v2``, or ``key=v1,v2`` of all methods that have it.
    :param second: another model; empty for none.
    :raises BadInput: a setting is not known, or nothing can be answered.
    """
    if second == asked.model:
        raise BadInput("--second-model is the model itself; name another")
    models = (asked.model, second) if second else (asked.model,)
    able = dict.fromkeys(models, methods)
    requests = questions(asked, methods, [asked.seed], (), variants_in(words, methods), able)
    answer_each(
        dict(zip(folder_names(requests, seeds=False), requests, strict=True)), out, formats,
        models if second else (),
    )  # fmt: skip


def answer_each(
    requests: Mapping[str, Request], out: Path | None, formats: Sequence[str],
    models: Sequence[str] = (),
) -> None:  # fmt: skip
    """Answer requests; print their records by name, or why there is none.

    :param out: gets a folder for each by its name, table.csv, and reports in ``formats``.
    :param models: two that are asked about each other's answers.
    :raises BadInput: none can be answered.
    """
    found: dict[str, tuple[Answer, list[Frame]]] = {}
    problems: dict[str, str] = {}
    for name, request in requests.items():
        try:
            answer, frames = options.ask(request)
        except StudioError as error:
            problems[name] = str(error)
            continue
        for other in set(models) - {request.model}:
            answer = service.with_second_opinion(answer, other)
        found[name] = answer, frames
    if not found:
        raise BadInput(next(iter(problems.values())))
    records = {name: answer.record for name, (answer, _) in found.items()}
    printed = {n: records[n] if n in records else {"problem": problems[n]} for n in requests}
    write = None
    if out is not None:
        bundle = next(iter(requests.values())).bundle
        titles = answer_titles(list(requests.values()), service.about(bundle))
        write = partial(
            export.write_all, out, found,
            tables.as_csv([tables.answer_row(n, printed[n]) for n in requests]),
            options.reports(list(formats), bundle),
            options.comparison_reports(
                list(formats), requests, dict(zip(requests, titles, strict=True)), found,
                problems, models,
            ),
        )  # fmt: skip
    options.print_and_write({"methods": printed}, write)
