"""Answers as a notebook shows them, and as files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from backends.core import Answer, Frame
from studio import export
from studio.export import tables
from studio.templates import render

__all__ = ["Comparison", "Explanation"]

SIDE = 192  # pixels of a picture in a notebook


@dataclass(frozen=True, repr=False)
class Explanation:
    """One method's answer.

    :ivar answer: all of it, as plain records.
    :ivar frames: the steps that led to it.
    """

    answer: Answer
    frames: tuple[Frame, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        """The content of result.json: question, verdict, metrics, settings."""
        return self.answer.record

    @property
    def image(self) -> Image.Image:
        """The counterfactual."""
        return export.as_picture(self.answer.counterfactual)

    @property
    def factual(self) -> Image.Image:
        """The picture as the model saw it."""
        return export.as_picture(self.answer.factual)

    @property
    def heatmap(self) -> Image.Image:
        """What became brighter (red) or darker (blue)."""
        return export.signed_difference(self.answer)

    @property
    def flipped(self) -> bool:
        """Whether the model calls the counterfactual the target."""
        return bool(self.record["flipped"])

    def save(self, folder: str | Path) -> Path:
        """Write pictures, heatmaps, steps and result.json; returns the folder."""
        export.write(Path(folder), self.answer, self.frames)
        return Path(folder)

    def __repr__(self) -> str:
        return f"<{self.record['method']}: {_question(self)}; {_verdict(self)}>"

    def _repr_html_(self) -> str:
        heatmap = ("Brighter is red, darker is blue", self.heatmap)
        pictures = [
            (text, export.data_url(export.enlarge(picture, SIDE), optimize=True))
            for text, picture in (("Before", self.factual), ("After", self.image), heatmap)
        ]
        title = f"{self.record['method']}: {_question(self)}"
        return render("explanation.html", "explanation", title, _verdict(self), pictures)


@dataclass(frozen=True, repr=False)
class Comparison(Mapping[str, Explanation]):
    """Several methods' answers to one question, by the methods' names.

    :ivar problems: why the others have none, in a sentence each.
    """

    found: dict[str, Explanation]
    problems: dict[str, str]

    def __getitem__(self, name: str) -> Explanation:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row a method: verdict and metrics, or the problem."""
        records = {name: one.record for name, one in self.found.items()}
        problems = {name: {"problem": text} for name, text in self.problems.items()}
        return [tables.answer_row(name, record) for name, record in (records | problems).items()]

    def save(self, folder: str | Path) -> Path:
        """Write each answer into a folder of its own, and table.csv; returns the folder."""
        answers = {name: (one.answer, one.frames) for name, one in self.found.items()}
        export.write_all(Path(folder), answers, tables.as_csv(self.table))
        return Path(folder)

    def __repr__(self) -> str:
        lines = [repr(one) for one in self.found.values()]
        return "\n".join(lines + [f"<{name}: {text}>" for name, text in self.problems.items()])

    def _repr_html_(self) -> str:
        return "".join(one._repr_html_() for one in self.found.values())


def _question(one: Explanation) -> str:
    return f"{one.record['factual']['label']} to {one.record['target']}"


def _verdict(one: Explanation) -> str:
    after, target = one.record["counterfactual"], one.record["target"]
    share = after["probabilities"][target]
    said = f"the model says {after['label']}, with {share:.0%} for {target}"
    oracle = one.record["oracle"]
    return f"{said}; the oracle says {oracle['label']}" if oracle else said
