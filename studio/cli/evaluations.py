"""``evaluate``: many questions to every method, and a table."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backends.errors import StudioError
from backends.regions.spec import RegionSpec
from backends.targets.trust import is_trusted
from studio.cli import options
from studio.engines import require_engine

if TYPE_CHECKING:
    from backends.evaluation import Plan, Row

__all__ = ["evaluate"]

ANSWERS, KEPT = "answers.sqlite", "counterfactuals"  # in the folder
EXAMPLES = 12  # a row, in the report
EVERY = 0.5  # seconds between two notes of progress


def evaluate(
    methods: Annotated[str, typer.Option(help="Names with commas between, or: all")],
    n: Annotated[int, typer.Option(min=1, help="Pictures for each method and region")],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for table.json, table.csv and report.html, and for what is finished: the "
            "same command goes on where it was stopped"
        ),
    ],
    bundle: Annotated[str, typer.Option(help="Bundle name, or the folder of one")] = "digits",
    pairs: Annotated[
        str,
        typer.Option(
            help="What is asked for: random, nearest (the class that the model finds next likely), "
            "4:9,3:8 (the model says: should), or a file with one pair a line"
        ),
    ] = "random",
    model: Annotated[str, typer.Option(help=options.MODEL)] = "classifier",
    regions: Annotated[
        str, typer.Option(help=f"Regions with commas between: {RegionSpec.forms()}")
    ] = "whole",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="method.key=v1,v2: a row for each value, of several each with "
                     "each; key=v1,v2 means all methods that have it"),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="Ask about each picture with all of these: 0-3, or 0,5,7")
    ] = "",
    data: Annotated[
        str | None,
        typer.Option(help="Folder with MNIST's test pictures instead of the bundle's own"),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Draws pictures and targets; the same again "
                          "gives the same table")
    ] = 0,
    batch: Annotated[
        int, typer.Option(min=1, help="Pictures that run together, and are finished together")
    ] = 20,
    strokes: Annotated[
        int, typer.Option(min=0, help="Digits a row whose strokes are measured, 0.1 s each")
    ] = 0,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Also write all answers into OUT/counterfactuals, as datasets' "
            "ImageFolder reads them"
        ),
    ] = False,
    engine: Annotated[str, typer.Option(help="local or ray")] = "local",
    device: options.DeviceOption = None,
    precision: options.PrecisionOption = None,
) -> None:  # fmt: skip
    """Compare methods on many pictures; prints a table, and writes it with a report. Stopped or
    killed, the same command goes on."""
    from backends import evaluation, service
    from studio import export
    from studio.export import report, tables
    from studio.runs.comparison import seeds_of

    options.check_folder(out)
    require_engine(engine, ["local", "ray"])
    names = options.methods_in(methods, bundle)
    targets: Literal["random", "nearest"] = "nearest" if pairs == "nearest" else "random"
    plan = evaluation.Plan(
        bundle=bundle, methods=names, count=n,
        regions=[str(spec) for spec in RegionSpec.split(regions)], pairs=options.pairs_in(pairs),
        targets=targets, data=data, seed=seed, seeds=seeds_of(seeds) if seeds else [],
        settings=options.variants_in(set_ or [], names), batch=batch, strokes=strokes, model=model,
        shown=EXAMPLES, answers=out / ANSWERS,
    )  # fmt: skip
    unfinished = out / f".{KEPT}"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed
    if keep:
        plan = replace(plan, keep=unfinished)
    if engine == "ray":
        plan = _distributed(plan)
    rows = _carried_out(plan)
    table = tables.evaluation(plan, rows, service.about(bundle))
    with export.at_once(out) as scratch:
        (scratch / "table.json").write_text(json.dumps(table, indent=2) + "\n")
        (scratch / "table.csv").write_text(tables.as_csv(table["rows"]))
        (scratch / "report.html").write_text(report.page(table, rows), encoding="utf-8")
    if keep:
        shutil.rmtree(out / KEPT, ignore_errors=True)
        unfinished.rename(out / KEPT)
    print(tables.as_text(table))


def _distributed(plan: Plan) -> Plan:
    """Let Ray's workers compute the answers; the plan whose rows can be made of them."""
    from studio.engines.ray import evaluated

    def pieces() -> Iterator[tuple[int, int]]:
        nonlocal plan
        plan = yield from evaluated(plan, is_trusted())

    def on_item(item: tuple[int, int]) -> None:
        done, total = item
        print(f"\r{done} of {total} pieces", end="", file=sys.stderr, flush=True)

    options.finish(pieces, on_item)
    return plan


def _carried_out(plan: Plan) -> list[Row]:
    """The rows; what is done and how long it may still take is told on stderr.

    :raises StudioError: no method could run.
    """
    from backends import evaluation

    rows: list[Row] = []
    spoken = 0.0

    def on_item(item: evaluation.Progress | Row) -> None:
        if isinstance(item, evaluation.Row):
            rows.append(item)
            outcome = item.problem or f"{item.values['flip_rate']['mean']:.0%} flipped"
            print(f"\r{_about(item)}: {outcome:60}", file=sys.stderr)
            return
        nonlocal spoken
        if (now := time.monotonic()) - spoken < EVERY:
            return
        spoken = now
        left = "" if item.left is None else f", {_told(item.left)} left"
        place = f"\r{item.method}, {item.region}: {item.share:.0%}; all: {item.overall:.0%}{left}"
        print(f"{place:79}", end="", file=sys.stderr, flush=True)

    options.finish(lambda: evaluation.evaluate(plan), on_item)
    if all(row.problem for row in rows):
        raise StudioError(rows[0].problem)
    return rows


def _about(row: Row) -> str:
    """Which row it is, in words."""
    settings = " ".join(f"{key}={value}" for key, value in row.settings.items())
    return ", ".join(filter(None, (row.method, row.answer, settings, row.region)))


def _told(seconds: float) -> str:
    """A time that may still pass, as people say it."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
