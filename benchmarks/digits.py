"""What the digits benchmarks share: the test pictures, the questions, the table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable

import torch
from torch import Tensor

from backends.bundles import Bundle
from backends.core import Region, Step
from backends.errors import StudioError
from backends.explain.question import Question
from backends.explain.runner import run
from backends.training.data import Split, load_mnist, test_split
from benchmarks.markdown import RESULTS, markdown

__all__ = [
    "answers",
    "arguments",
    "both",
    "earlier",
    "eight_bit_steps",
    "of_class",
    "pictures",
    "questions",
    "table",
]


def arguments(count: int, **more: str) -> argparse.Namespace:
    """--data, --count, --bundle: the same for every benchmark; ``more`` options with defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--data", help="folder with MNIST's idx files, or: mnist; else the bundle's test pictures"
    )
    parser.add_argument("--count", type=int, default=count, help="test pictures")
    parser.add_argument("--bundle", default="digits")
    for name, default in more.items():
        parser.add_argument(f"--{name}", default=default)
    return parser.parse_args()


def pictures(bundle: Bundle, data: str | None, count: int = 0) -> Split:
    """The test pictures in ``data``, or those that came with the bundle; at least ``count``.

    :raises SystemExit: there are not so many, in a sentence that says what to do.
    """
    try:
        test = test_split(bundle, data)
    except StudioError as error:
        raise SystemExit(f"error: {error}") from error
    if len(test) < count:
        more = "give --data a folder with MNIST's idx files (or the word mnist to download them)"
        raise SystemExit(
            f"error: {count} test pictures are asked for, {len(test)} are here; lower --count, or "
            f"{more}"
        )
    return test


def both(data: str | None) -> tuple[Split, Split]:
    """MNIST's training and test pictures, of a benchmark that trains.

    :raises SystemExit: they are not here, in a sentence that says what to do.
    """
    if data is None:
        raise SystemExit(
            "error: this benchmark trains on MNIST; give --data a folder with its idx files, or "
            "the word mnist to download them"
        )
    try:
        return load_mnist(data, "train"), load_mnist(data, "test")
    except StudioError as error:
        raise SystemExit(f"error: {error}") from error


@torch.no_grad()
def questions(
    bundle: Bundle, data: str | None, count: int, *, trivial: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The first test pictures [N, 1, 32, 32], the model's predictions [N] and random targets [N].

    :param trivial: whether a target may be the prediction itself.
    """
    x, _ = pictures(bundle, data, count).batch(torch.arange(count))
    predicted = bundle.part("classifier")(x.to(bundle.device)).argmax(1).cpu()
    generator = torch.Generator().manual_seed(2026)
    if trivial:
        target = torch.randint(10, (count,), generator=generator)
    else:
        target = (predicted + torch.randint(1, 10, (count,), generator=generator)) % 10
    return x, predicted, target


def eight_bit_steps(
    bundle: Bundle,
    method: str,
    x: Tensor,
    target: Tensor,
    region: Region,
    settings: dict[str, object],
    batch: int = 100,
) -> Iterable[list[Step]]:
    """The steps of every batch, as the shared runner gives them (composited, 8 bit)."""
    for i in range(0, len(x), batch):
        part = slice(i, i + batch)
        some = Region(region.mask[part], region.source)
        yield list(run(Question.of(bundle, method, x[part], target[part], some, settings, i)))


def answers(
    bundle: Bundle,
    method: str,
    x: Tensor,
    target: Tensor,
    settings: dict[str, object] | None = None,
    batch: int = 50,
) -> tuple[Tensor, dict[str, Tensor], float]:
    """Whole-picture answers in 8 bits [N, 1, 32, 32], what the runner measured of each (and
    ``flipped``), and the seconds they took together."""
    images, measured, seconds = [], [], 0.0
    whole = Region(torch.ones_like(x))
    for steps in eight_bit_steps(bundle, method, x, target, whole, settings or {}, batch):
        answer = steps[-1].counterfactual
        assert answer is not None
        images.append(answer.image)
        measured.append(answer.metrics | {"flipped": answer.flipped.float()})
        seconds += answer.seconds
    return (
        torch.cat(images),
        {name: torch.cat([m[name] for m in measured]).float() for name in measured[0]},
        seconds,
    )


def of_class(bundle: Bundle, data: str | None, label: int, count: int) -> Tensor:
    """The first test pictures of a class that the model recognises, [N, 1, 32, 32]."""
    test = pictures(bundle, data)
    x, _ = test.batch((test.labels == label).nonzero().flatten()[: 2 * count])
    with torch.no_grad():
        predicted = bundle.part("classifier")(x.to(bundle.device)).argmax(1).cpu()
        found = x[predicted == label][:count]
    if len(found) < count:
        raise SystemExit(
            f"error: {count} pictures of class {label} are asked for, {len(found)} are here; lower "
            "--count, or give --data a folder with MNIST's idx files"
        )
    return found


def earlier(name: str) -> list[dict[str, object]]:
    """Read the rows that :func:`table` wrote before; none where it did not."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else []


def table(name: str, rows: list[dict[str, object]]) -> None:
    """Print rows as Markdown and keep them in benchmarks/results."""
    text = "\n".join(markdown(rows))
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text + "\n")
    (RESULTS / f"{name}.json").write_text(json.dumps(rows, indent=2) + "\n")
