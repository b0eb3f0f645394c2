"""A search as pictures for a slider; plain records in and out, as in
:mod:`backends.service.explanations`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backends import imaging
from backends.core import Frame, Request
from backends.service.explanations import posed_question

__all__ = ["LivePath", "live_path"]

POINTS = 61


@dataclass(frozen=True)
class LivePath:
    """The way from the factual to the answer.

    :ivar pictures: uint8 [N, H, W, C]; the first is the factual, the last the answer.
    :ivar target: of the model, as it calls it.
    :ivar probabilities: of the target, N in [0, 1].
    :ivar labels: what the model says of each picture.
    :ivar positions: at which step of the search each is, from 0, the factual, to ``steps``.
    """

    pictures: np.ndarray
    target: str
    probabilities: tuple[float, ...]
    labels: tuple[str, ...]
    positions: tuple[float, ...]
    steps: int

    @property
    def flips(self) -> int | None:
        """The first picture of which, and of all after it, the model says the target."""
        last = next(
            (n for n in reversed(range(len(self.labels))) if self.labels[n] != self.target), -1
        )
        return last + 1 if last + 1 < len(self.labels) else None


def live_path(request: Request, points: int = POINTS) -> Iterator[Frame | LivePath]:
    """Yield the frames of a search, then all of its way.

    :param points: about so many pictures, as in :func:`backends.explain.path.along`.
    :raises StudioError: the request cannot be carried out.
    """
    from backends.explain.path import Path, along
    from backends.service.serialization import frame_of

    question = posed_question(request)
    names, target = question.model.class_names, int(question.target)
    for item in along(question, points):
        if not isinstance(item, Path):
            yield frame_of(item)
            continue
        p = item.probabilities
        yield LivePath(
            np.stack([imaging.to_array(image[None]) for image in item.images]),
            names[target], tuple(p[:, target].tolist()),
            tuple(names[i] for i in p.argmax(1).tolist()),
            tuple(item.position.tolist()), round(float(item.position[-1])),
        )  # fmt: skip
