"""The columns of a comparison, and its question, as the page shows them."""

from __future__ import annotations

from collections.abc import Container, Mapping

from PIL import Image

from backends.core import Request
from backends.regions.spec import RegionSpec
from studio import export
from studio.runs.comparison import Comparison
from studio.translation import _
from studio.ui.compare import markup
from studio.ui.shared import canvas

__all__ = ["Columns", "question", "small"]

TINT = (255, 150, 0)  # of the region, as on the canvas


class Columns:
    """A column a run.

    :param titles: of the methods.
    :param fixed: the methods that draw nothing.
    """

    def __init__(self, titles: Mapping[str, str], fixed: Container[str]) -> None:
        self.titles, self.fixed = titles, fixed

    def drawn(self, request: Request) -> str:
        """With which seed, if that changes anything."""
        fixed = request.method in self.fixed
        return markup.DRAWS_NOTHING if fixed else _("seed {seed}", seed=request.seed)

    def name(self, request: Request) -> str:
        """Method and seed, as the list of choices says them."""
        title = self.titles[request.method]
        return (
            title
            if request.method in self.fixed
            else _("{title}, seed {seed}", title=title, seed=request.seed)
        )

    def of(self, comparison: Comparison, i: int) -> str:
        """A run's column in its present state."""
        request, run = comparison.requests[i], comparison.runs[i]
        title, drawn = self.titles[request.method], self.drawn(request)
        if run is None:
            if comparison.ended:
                return markup.unanswered(title, drawn, "not_started", _("stopped before its turn"))
            return markup.waiting(title, drawn)
        if run.answer and run.ended:
            picture = small(export.as_picture(run.answer.counterfactual))
            heat = small(export.absolute_difference(run.answer))
            row = comparison.row(i)
            chosen = comparison.choice == run.id
            others = [
                (small(export.as_picture(other.counterfactual)), its)
                for other, its in zip(
                    run.answer.alternatives.values(), comparison.alternatives(run), strict=True
                )
            ]  # fmt: skip
            return markup.answered(title, drawn, picture, heat, row, others, chosen=chosen)
        if run.ended:
            return markup.unanswered(title, drawn, run.state, run.reason)
        if not run.frames:
            return markup.going(title, drawn, None)
        frame = run.frames[-1]
        picture = small(export.as_picture(frame.picture))
        return markup.going(
            title, drawn, picture, frame.index, frame.total, frame.target_probability
        )


def small(picture: Image.Image) -> str:
    """A column's picture as a data URL."""
    return canvas.preview(picture, 320)


def question(asked: Request) -> str:
    """The factual with its region, and what is asked."""
    picture = export.as_picture(asked.picture).convert("RGB")
    where = RegionSpec.parse(asked.region, given=True).describe()
    if asked.mask is not None:
        mask = Image.fromarray(((asked.mask > 0) * 115).astype("uint8"))
        picture.paste(Image.new("RGB", picture.size, TINT), mask=mask)
        where += _(", {mean:.1%} of the picture", mean=(asked.mask > 0).mean())
    return markup.question(small(picture), asked.target, where)
