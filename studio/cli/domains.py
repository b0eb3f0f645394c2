"""``python -m studio new`` and ``train``: a bundle of a person's own pictures."""

from __future__ import annotations

import json
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backends.compute import devices
from backends.errors import BadInput
from backends.files import atomic_write
from backends.targets.reference import FORMS
from studio.cli import options

if TYPE_CHECKING:
    from backends.evaluation.domain import Report

__all__ = ["new", "train"]

PICTURES = (
    "A folder with a folder of pictures for each class (and train/ and test/ around them, if you "
    "like), a CSV file with columns file and label, a datasets folder, or an .npz file"
)


def new(
    name: Annotated[str, typer.Argument(help="What the bundle will be called")],
    images: Annotated[Path, typer.Option(help=PICTURES)],
    model: Annotated[
        str, typer.Option(help=f"Classifier to explain [one trained on the labels]: {FORMS}")
    ] = "",
    size: Annotated[int, typer.Option(help="Pixels a side: 32, 48, 64, 96 or 128")] = 64,
    colours: Annotated[str, typer.Option(help="auto, grey or colour")] = "auto",
    preparation: Annotated[
        str, typer.Option(help="square cuts out the middle, fit squeezes, letterbox pads")
    ] = "square",
    mirror: Annotated[bool, typer.Option(help="A mirrored picture shows the same thing")] = False,
    held_out: Annotated[float, typer.Option(help="Share of pictures to judge by")] = 0.1,
    title: Annotated[str, typer.Option(help="What the page calls it")] = "",
    minutes: Annotated[
        float, typer.Option(min=0, help="For the classifier and the oracle; 0 trains neither")
    ] = 5,
    preview: Annotated[
        Path | None, typer.Option(help="Only write a PNG of some pictures as they will be seen")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder [among your bundles]")] = None,
    device: options.DeviceOption = None,
) -> None:
    """Make a bundle of your own pictures, and train its classifier and oracle; then: studio train
    NAME."""
    from backends.evaluation import domain
    from backends.explain.question import settings_of
    from backends.training.new_settings import NewConfig
    from backends.training.preparing import preview_sheet

    given = {
        "size": size, "colours": colours, "preparation": preparation, "mirror": mirror,
        "held_out": held_out, "title": title,
    }  # fmt: skip
    config = settings_of(NewConfig, given, "new")
    if preview is not None:
        with atomic_write(preview) as scratch:
            preview_sheet(images, config).save(scratch, "PNG")
        return
    options.check_folder(out)
    shown = _Shown()
    command = shlex.join(["python", "-m", "studio", "new", name, "--images", images.name])
    made = domain.make(
        name, images, config, model=model, out=out, minutes=minutes, command=command
    )  # fmt: skip
    options.finish(lambda: made, shown.item)
    print(file=sys.stderr)
    print(json.dumps(shown.made | {"parts": shown.report.parts}, indent=2))
    where = str(out) if out else name
    print(f"next: python -m studio train {shlex.quote(where)} --minutes 60", file=sys.stderr)


def train(
    data: Annotated[
        str, typer.Argument(help="Bundle made by studio new; with --out: MNIST's folder, or mnist")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Bundle folder to write, by a recipe of this program")
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="How long it may take; a bundle of your own only")
    ] = 60,
    parts: Annotated[str, typer.Option(help="Parts, comma-separated")] = "all",
    recipe: Annotated[str, typer.Option(help="Which bundle's parts, with --out: digits")] = (
        "digits"
    ),
    device: options.DeviceOption = None,
) -> None:
    """Train a bundle's parts; an interrupted training resumes. Of your own bundle, end with a table
    of what was reached."""
    names = [] if parts == "all" else [part.strip() for part in parts.split(",")]
    if out is not None:
        _by_recipe(data, out, parts, recipe, device)
        return
    from backends.evaluation import domain

    if data == "mnist" or any(Path(data).glob("*idx3-ubyte*")):
        raise BadInput(
            f"{data} holds MNIST's pictures and is no bundle; say with --out where to write one"
        )
    shown = _Shown()
    command = shlex.join(
        ["python", "-m", "studio", "train", Path(data).name, "--minutes", f"{minutes:g}"]
        + (["--parts", parts] if names else [])
    )
    options.finish(lambda: domain.train(data, minutes, names, command), shown.item)
    print(file=sys.stderr)
    print(_table(shown.report), file=sys.stderr)
    print(json.dumps(asdict(shown.report), indent=2))


class _Shown:
    """Progress on stderr, and what came of it."""

    def __init__(self) -> None:
        self.made: dict[str, Any] = {}
        self.report: Report
        self._begun = time.perf_counter()

    def item(self, item: object) -> None:
        """Show one item of a generator of :mod:`backends.evaluation.domain`."""
        from backends.evaluation.domain import Report
        from backends.evaluation.plan import Progress as Judging
        from backends.training.new import Made, Preparing
        from backends.training.timed_training import TrainingProgress

        match item:
            case Preparing(done, total):
                self._line(f"reading pictures {done}/{total}")
            case Made(folder, channels, learnt, judged, left_out):
                self._line(f"{folder}: {sum(learnt.values())} pictures to learn from, "
                           f"{sum(judged.values())} to judge by\n")  # fmt: skip
                for sentence in left_out[:10]:
                    print(f"  left out: {sentence}", file=sys.stderr)
                if len(left_out) > 10:
                    print(f"  and {len(left_out) - 10} more", file=sys.stderr)
                self.made = {
                    "folder": str(folder), "channels": channels, "learnt": learnt,
                    "judged": judged, "left_out": len(left_out),
                }  # fmt: skip
            case TrainingProgress(part, step, total, loss, share):
                gone = time.perf_counter() - self._begun
                left = max(gone * (1 - share) / share, 0.0) / 60 if share > 0.02 else None
                time_left = f"  {left:.0f} min left" if left is not None else ""
                self._line(f"{part} step {step}/{total}  loss {loss:.4f}  {share:.0%}{time_left}")
            case Judging(method, _, share):
                self._line(f"judging {method} {share:.0%}")
            case Report():
                self.report = item

    def _line(self, text: str) -> None:
        print(f"\r{text:70}", end="", file=sys.stderr, flush=True)


def _table(report: Report) -> str:
    """A report as a person reads it."""
    lines = []
    for part, values in report.parts.items():
        told = ", ".join(f"{k.removeprefix('test_')} {v:.4g}" for k, v in values.items())
        lines.append(f"{part:20} {told}")
    lines.append(f"\n{'method':20} {'flips':>8} {'oracle agrees':>14}")
    for row in report.methods:
        if "problem" in row:
            lines.append(f"{row['method']:20} {row['problem']}")
            continue
        agrees = row["oracle_agreement"]
        told = "" if agrees is None else f"{agrees:.2f}"
        lines.append(f"{row['method']:20} {row['flip_rate']:8.2f} {told:>14}  of {row['n']}")
    for method, settings in report.settings.items():
        told = ", ".join(f"{key}={value}" for key, value in settings.items())
        lines.append(f"\n{method}'s settings, chosen on training pictures: {told}")
    return "\n".join([*lines, "", *report.advice])


def _by_recipe(data: str, out: Path, parts: str, recipe: str, device: str | None) -> None:
    """Train a bundle of this program's own."""
    from backends import registry
    from backends.training.recipe import train as steps_of

    cookbook = registry.cookbook(recipe)
    names = cookbook.names if parts == "all" else parts.split(",")
    shown = Path(data).name if data != "mnist" else data
    command = shlex.join(
        ["python", "-m", "studio", "train", shown, "--out", out.as_posix(), "--parts", parts]
        + (["--recipe", recipe] if recipe != "digits" else [])
    )
    part, begun = "", None
    place = device or devices.current()
    for name, progress in steps_of(cookbook, data, out, names, place, command):
        if begun is None or name != part:
            part, begun = name, progress
        # By this session's speed: a resumed training may have been slower before.
        pace = (progress.seconds - begun.seconds) / max(progress.step - begun.step, 1)
        left = pace * (progress.total - progress.step)
        print(
            f"\r{name:12} step {progress.step}/{progress.total}  loss {progress.loss:.4f}  "
            f"{left / 60:.1f} min left ",
            end="\n" if progress.step == progress.total else "",
            file=sys.stderr,
            flush=True,
        )
