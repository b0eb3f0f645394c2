"""How a model of the person's own looks at their picture, as markup."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from backends.core import Proposal
from backends.service.models import Inspected
from studio import export
from studio.templates import Markup, render
from studio.translation import _
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
    colours = _("grey") if found.channels == 1 else _("colour")
    plain = not any(found.mean) and all(value == 1 for value in found.std)
    more = (
        " " + _("… and {count} more", count=len(found.classes) - NAMED)
        if len(found.classes) > NAMED
        else ""
    )
    rows = [
        (
            _("Looks at"),
            _("{width} × {height} pixels, {colours}", width=width, height=height, colours=colours),
        ),
        (
            _("Values"),
            _("0 to 1")
            if plain
            else _("minus {mean}, by {std}", mean=_row(found.mean), std=_row(found.std)),
        ),
        (_("{count} classes", count=len(found.classes)), ", ".join(found.classes[:NAMED]) + more),
    ]
    figures = [(_url(found.seen), _("Your picture as the model sees it"))]
    if picture is not None and proposal is not None:
        figures += _region(picture, proposal)
    return render("own_model.html", "sight", rows, figures)


def _region(picture: np.ndarray, proposal: Proposal) -> list[tuple[str, str]]:
    """Importance, and the picture bright inside the region."""
    inside = proposal.mask[..., None] > 0
    bright = np.where(inside, picture, picture * DIMMED).astype(np.uint8)
    heat = export.coloured(proposal.attribution, "inferno")
    return [
        (
            canvas.preview(heat, SIDE),
            _("What matters to it (Integrated Gradients), black to yellow"),
        ),
        (
            _url(bright),
            _("Where it looks: the cells that matter most, {area:.0%} of it", area=proposal.area),
        ),
    ]


def labels_only(name: str) -> Markup:
    """Why there is no region."""
    return markup.hint(
        _(
            "{name} gives labels only, without gradients, so that where it looks is not "
            "known; methods that need labels alone can explain it.",
            name=name,
        )
    )


def _row(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


def _url(pixels: np.ndarray) -> str:
    picture: Image.Image = export.as_picture(pixels)
    return canvas.preview(picture, SIDE)
