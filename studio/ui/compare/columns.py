"""The columns of a comparison, and its question, as the page shows them."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from PIL import Image

from backends.core import Request
from backends.regions.spec import RegionSpec
from studio import export
from studio.export.labels import model_title, opinion_text, settings_text
from studio.runs import Run
from studio.runs.comparison import Comparison
from studio.translation import _
from studio.ui.compare import markup
from studio.ui.shared import canvas
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.requests import sentence

__all__ = ["Columns", "question", "small"]

TINT = (255, 150, 0)  # of the region, as on the canvas


class Columns:
    """A column a run.

    :param titles: of the methods.
    :param fixed: the methods that draw nothing.
    """

    def __init__(
        self, controllers: Controllers, titles: Mapping[str, str], fixed: Container[str]
    ) -> None:
        self._controllers, self.titles, self.fixed = controllers, titles, fixed

    def drawn(self, comparison: Comparison, request: Request) -> str:
        """What tells a run from the others beside its method: which model, where there are two,
        which settings, and which seed, if that changes anything."""
        fixed = request.method in self.fixed
        seed = _(markup.DRAWS_NOTHING) if fixed else _("seed {seed}", seed=request.seed)
        return " · ".join([*self._apart(comparison, request), seed])

    def name(self, comparison: Comparison, request: Request) -> str:
        """Method, settings, model and seed, as the list of choices says them."""
        words = [_(self.titles[request.method]), *self._apart(comparison, request)]
        if request.method not in self.fixed:
            words.append(_("seed {seed}", seed=request.seed))
        return ", ".join(words)

    def models(self, comparison: Comparison) -> dict[str, str]:
        """The titles of two models by their names; of one none."""
        about = self._controllers[comparison.requests[0].bundle].about
        return {name: model_title(name, about) for name in comparison.models}

    def _apart(self, comparison: Comparison, request: Request) -> list[str]:
        about = self._controllers[request.bundle].about
        schema = about["methods"][request.method]["schema"]
        model = self.models(comparison).get(request.model, "")
        return [text for text in (model, settings_text(request.settings, schema)) if text]

    def factual(self, comparison: Comparison) -> str:
        """The first column, with what each model says where an answer has told it."""
        request, titles = comparison.requests[0], self.models(comparison)
        said: dict[str, Mapping[str, Any]] = {}
        for run in comparison.answered:
            assert run.answer
            record = run.answer.record
            said.setdefault(run.request.model, record["factual"])
            if opinion := record.get("second_opinion"):
                said.setdefault(opinion["model"], opinion["factual"])
        texts = [
            f"{titles[name]}: {said[name]['label']}" if "value" in said[name]
            else markup.says(said[name]["label"], titles.get(name, ""))
            for name in (comparison.models or (request.model,)) if name in said
        ]  # fmt: skip
        picture = small(export.as_picture(request.picture))
        return markup.factual(picture, texts, self._mark(comparison, request))

    def of(self, comparison: Comparison, i: int) -> str:
        """A run's column in its present state."""
        request, run = comparison.requests[i], comparison.runs[i]
        title, drawn = _(self.titles[request.method]), self.drawn(comparison, request)
        mark = self._mark(comparison, request)
        if run is None:
            if comparison.ended:
                reason = _("stopped before its turn")
                return markup.unanswered(title, drawn, "not_started", reason, mark)
            return markup.waiting(title, drawn, mark)
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
            return markup.answered(
                title, drawn, picture, heat, row, others, chosen=chosen, mark=mark,
                second=self._second(comparison, run),
            )  # fmt: skip
        if run.ended:
            return markup.unanswered(title, drawn, run.state, run.reason, mark)
        if not run.frames:
            return markup.going(title, drawn, None, mark=mark)
        frame = run.frames[-1]
        picture = small(export.as_picture(frame.picture))
        return markup.going(
            title, drawn, picture, frame.index, frame.total, frame.target_probability, mark
        )

    def _second(self, comparison: Comparison, run: Run) -> str:
        """What the other model says of an answer."""
        assert run.answer
        record, other = run.answer.record, comparison.other(run.request)
        if other is None or "second_opinion" not in record:
            return ""
        title, opinion = self.models(comparison)[other], record["second_opinion"]
        if opinion is None:
            return f"{title}: {sentence(record['no_second_opinion'])}"
        text = opinion_text(opinion, self._controllers[run.request.bundle].about)
        return markup.second_says(text, opinion["agrees"], opinion["target_probability"], title)

    def _mark(self, comparison: Comparison, request: Request) -> str:
        if not comparison.models:
            return ""
        return "first" if request.model == comparison.models[0] else "second"


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
