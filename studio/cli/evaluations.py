"""``evaluate``: many questions to every method, and a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backends.regions.spec import RegionSpec
from backends.targets.trust import is_trusted
from studio.cli import options
from studio.engines import require_engine

if TYPE_CHECKING:
    from studio.runs.evaluations import EvaluationNews

if TYPE_CHECKING:
    from backends.evaluation import Plan

__all__ = ["evaluate"]

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
    simsiam: Annotated[
        Path | None,
        typer.Option(help="Checkpoint of SimSiam's authors' program (checkpoint_0099.pth.tar), in "
                     "whose features S3 is measured")
    ] = None,
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
    from backends.evaluation import Plan
    from studio.export import tables
    from studio.runs import evaluations
    from studio.runs.comparison import seeds_of
    from studio.runs.variants import SWEPT, variants_in

    options.check_folder(out)
    require_engine(engine, ["local", "ray"])
    names = options.methods_in(methods, bundle)
    targets: Literal["random", "nearest"] = "nearest" if pairs == "nearest" else "random"
    plan = Plan(
        bundle=bundle, methods=names, count=n,
        regions=[str(spec) for spec in RegionSpec.split(regions)], pairs=options.pairs_in(pairs),
        targets=targets, data=data, seed=seed, seeds=seeds_of(seeds) if seeds else [],
        settings=variants_in(set_ or [], names, SWEPT), batch=batch, strokes=strokes,
        simsiam=simsiam, model=model, answers=out / evaluations.ANSWERS,
    )  # fmt: skip
    if engine == "ray":
        plan = _distributed(plan)
    work = partial(evaluations.carried_out, plan, out, keep=keep)
    last = options.finish(work, _Told())[-1]
    print(tables.as_text(last.table))


def _distributed(plan: Plan) -> Plan:
    """Let Ray's workers compute the answers; the plan whose rows can be made of them."""
    from studio.runs.distributed import distributed

    def pieces() -> Iterator[tuple[int, int]]:
        nonlocal plan
        plan = yield from distributed(plan, is_trusted())

    def on_item(item: tuple[int, int]) -> None:
        done, total = item
        print(f"\r{done} of {total} pieces", end="", file=sys.stderr, flush=True)

    options.finish(pieces, on_item)
    return plan


class _Told:
    """Tells on stderr what is done, and how long the rest may take."""

    def __init__(self) -> None:
        self._rows, self._spoken = 0, 0.0

    def __call__(self, news: EvaluationNews) -> None:
        from studio.runs import evaluations

        for row in news.rows[self._rows :]:
            outcome = row.problem or f"{row.values['flip_rate']['mean']:.0%} flipped"
            print(f"\r{evaluations.about_row(row)}: {outcome:60}", file=sys.stderr)
        self._rows = len(news.rows)
        now = time.monotonic()
        if news.now is None or now - self._spoken < EVERY:
            return
        self._spoken, at = now, news.now
        left = "" if at.left is None else f", {evaluations.time_left(at.left)} left"
        place = f"\r{at.method}, {at.region}: {at.share:.0%}; all: {at.overall:.0%}{left}"
        print(f"{place:79}", end="", file=sys.stderr, flush=True)
