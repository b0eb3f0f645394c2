"""``python -m studio ...``: the studio's jobs without a browser."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from backends.errors import StudioError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def _studio() -> None:
    """Counterfactual explanations of image classifiers."""


@app.command()
def train(
    data: Annotated[str, typer.Argument(help="Folder with MNIST's idx files, or: mnist")],
    out: Annotated[Path, typer.Option(help="Bundle folder to write")],
    parts: Annotated[str, typer.Option(help="Parts, comma-separated")] = "all",
    device: Annotated[str, typer.Option(help="cpu, cuda, mps or auto")] = "auto",
) -> None:
    """Train the digits bundle's parts; an interrupted training resumes."""
    from backends import devices
    from backends.training import recipe

    names = list(recipe.PARTS) if parts == "all" else parts.split(",")
    shown = Path(data).name if data != "mnist" else data
    command = shlex.join(
        ["python", "-m", "studio", "train", shown, "--out", out.as_posix(), "--parts", parts]
    )
    for name, progress in recipe.train(data, out, names, devices.choose(device), command):
        left = progress.seconds / progress.step * (progress.total - progress.step)
        print(
            f"\r{name:12} step {progress.step}/{progress.total}  loss {progress.loss:.4f}  "
            f"{left / 60:.1f} min left ",
            end="\n" if progress.step == progress.total else "",
            file=sys.stderr,
            flush=True,
        )


def main() -> None:
    """Run a command; what a person can mend is one line on stderr and exit code 2."""
    try:
        app(standalone_mode=True)
    except StudioError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
