"""How a model of the person's own looks at their picture, as markup."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from backends.core import Proposal
from backends.service.models import Inspected
from studio import export
from studio.templates import Markup, render
from studio.ui.shared import canvas, markup

__all__ = ["labels_only", "sight"]

NAMED = 12  # classes
SIDE = 256  # pixels of a figure, at most
DIMMED = 0.3  # brightness of what lies outside the region


def sight(
    found: Inspected, picture: np.ndarray | None = None, proposal: Proposal | None = None
) -> Markup:
    """What the model takes and gives, the picture as it sees it and, once that is known, where it
    looks.

    :param picture: uint8 [H, W, C], of which the proposal is.
    """
    width, height = found.size
    colours = "grey" if found.channels == 1 else "colour"
    plain = not any(found.mean) and all(value == 1 for value in found.std)
    more = f" … and {len(found.classes) - NAMED} more" if len(found.classes) > NAMED else ""
    rows = [
        ("Looks at", f"{width} × {height} pixels, {colours}"),
        ("Values", "0 to 1" if plain else f"minus {_row(found.mean)}, by {_row(found.std)}"),
        (f"{len(found.classes)} classes", ", ".join(found.classes[:NAMED]) + more),
    ]
    figures = [(_url(found.seen), "Your picture as the model sees it")]
    if picture is not None and proposal is not None:
        figures += _region(picture, proposal)
    return render("own_model.html", "sight", rows, figures)


def _region(picture: np.ndarray, proposal: Proposal) -> list[tuple[str, str]]:
    """Importance, and the picture bright inside the region."""
    inside = proposal.mask[..., None] > 0
    bright = np.where(inside, picture, picture * DIMMED).astype(np.uint8)
    heat = export.coloured(proposal.attribution, "inferno")
    return [
        (canvas.preview(heat, SIDE), "What matters to it (Integrated Gradients), black to yellow"),
        (_url(bright), f"Where it looks: the cells that matter most, {proposal.area:.0%} of it"),
    ]


def labels_only(name: str) -> Markup:
    """Why there is no region."""
    return markup.hint(
        f"{name} gives labels only, without gradients, so that where it looks is not known; "
        "methods that need labels alone can explain it."
    )


def _row(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


def _url(pixels: np.ndarray) -> str:
    picture: Image.Image = export.as_picture(pixels)
    return canvas.preview(picture, SIDE)
