"""``python -m studio faithfulness``: whether the methods' counterfactuals show what a model relies
on, where that is known."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backends.errors import BadInput
from backends.regions.spec import RegionSpec
from studio.cli import options

if TYPE_CHECKING:
    from backends.faithfulness import BenchProgress

__all__ = ["faithfulness"]


def faithfulness(
    out: Annotated[
        Path, typer.Option(help="Folder for table.json, table.csv, report.html and the models")
    ],
    methods: Annotated[str, typer.Option(help="Names with commas between, or: all")] = "all",
    factors: Annotated[str, typer.Option(help="mark,thickness,slant,gradient, or: all")] = "all",
    strengths: Annotated[
        str, typer.Option(help="Correlations of a factor with the class [0.5,1]")
    ] = "",
    regions: Annotated[
        str, typer.Option(help="Beside the factor's own place [whole,auto]")
    ] = "",
    pictures: Annotated[
        int | None, typer.Option(min=2, help="For each model, method and region [10]")
    ] = None,
    bundle: Annotated[str, typer.Option(help="Bundle of digits, or the folder of one")] = "digits",
    data: Annotated[
        str | None,
        typer.Option(help="Folder with MNIST's idx files instead of the bundle's own pictures"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Same seed, same table")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes of one thread each")] = 2,
    quick: Annotated[
        bool, typer.Option(help="One factor, one strength, three methods: some two minutes")
    ] = False,
) -> None:  # fmt: skip
    """Plant shortcuts into digits, train models that rely on them, and tell which methods show it.
    Prints the table; when stopped, the same command goes on."""
    from backends import faithfulness as bench
    from backends.faithfulness.bench import QUICK, able
    from studio.export import tables
    from studio.export.faithfulness_report import faithfulness_report, printed
    from studio.export.html import html_page

    options.check_folder(out)
    given: dict[str, Any] = {"bundle": bundle, "data": data, "seed": seed, "workers": workers}
    if quick:
        given |= QUICK
    if methods != "all" or not quick:
        given["methods"] = able(bundle) if methods == "all" else _names(methods)
    if factors != "all":
        given["factors"] = _names(factors)
    if strengths:
        given["strengths"] = _numbers(strengths)
    if regions:
        given["regions"] = [str(spec) for spec in RegionSpec.split(regions)]
    if pictures is not None:
        given["count"] = pictures
    plan = bench.ShortcutPlan(**given)
    shown = _TimeLeft()
    *_, found = options.finish(lambda: bench.run(plan, out), shown.item)
    print(file=sys.stderr)
    table = bench.table(plan, found)
    pages = html_page(faithfulness_report(table, found))
    for name, text in (
        ("table.json", json.dumps(table, indent=2) + "\n"),
        ("table.csv", tables.as_csv(table["rows"])),
        ("report.html", pages),
    ):
        _write(out / name, text)
    print(printed(table))


def _write(path: Path, text: str) -> None:
    from backends.files import atomic_write

    with atomic_write(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in _names(text)]
    except ValueError as error:
        raise BadInput(
            "--strengths {text!r} is not understood; write 0.5,0.8,1", text=text
        ) from error


class _TimeLeft:
    """Progress on stderr, with the time left by the speed of this session."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._first: int | None = None
        self._told = ""

    def item(self, item: object) -> None:
        """Show one item of the bench."""
        from backends.faithfulness import BenchProgress

        line = self._line(item) if isinstance(item, BenchProgress) else self._told
        if line != self._told:
            print(f"\r{line:60}", end="", file=sys.stderr, flush=True)
            self._told = line

    def _line(self, at: BenchProgress) -> str:
        if self._first is None:
            self._begun, self._first = time.monotonic(), at.done
        done, gone = at.done - self._first, time.monotonic() - self._begun
        left = f"  {gone * (at.total - at.done) / done / 60:.0f} min left" if done > 3 else ""
        return f"{at.done} of {at.total} models and answers{left}"
