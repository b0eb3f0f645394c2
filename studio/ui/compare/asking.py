"""What a comparison asks beyond the Explain tab's question: which methods, with which settings and
seeds, and which second model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backends.bundles import ORACLE
from backends.core import Request
from backends.errors import BadInput
from studio.export.labels import model_title
from studio.runs.comparison import MOST, questions, seeds_of
from studio.runs.variants import variants_in, words_in
from studio.templates import Markup
from studio.translation import _
from studio.ui.compare import markup as words
from studio.ui.shared import form
from studio.ui.shared.asked_models import CLASSIFIER
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.model_list import Offered
from studio.ui.shared.varied_settings import VariedSettings

__all__ = ["ComparisonInput", "PosedComparison"]


@dataclass(frozen=True)
class PosedComparison:
    """Requests, the models that are asked or heard where there are two, and what is not done as it
    was asked."""

    requests: list[Request]
    models: tuple[str, ...]
    note: Markup


class ComparisonInput:
    """The controls, which its methods lay out inside the current Blocks."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers
        self._methods = controllers.methods()

    def lay_out_methods(self) -> None:
        """Which methods."""
        self.names = gr.CheckboxGroup(
            **_offered(self._controllers.first), label=_("Methods"), elem_id="compare-methods"
        )

    def lay_out_settings(self) -> None:
        """Which settings."""
        self.varied = VariedSettings(self._controllers, "compare", self.names)

    def lay_out_model(self) -> None:
        """Which second model."""
        self.second = gr.Dropdown(
            second_models(self._controllers.first, None, CLASSIFIER), value="",
            label=_("Second model"), elem_id="compare-second", filterable=False, interactive=True,
        )  # fmt: skip

    def lay_out_seeds(self) -> None:
        """Which seeds."""
        self.seeds = gr.Textbox(
            "0", label=_("Seeds"), elem_id="compare-seeds", max_lines=1,
            info=_("0, or 0,1,2, or 0-3; at most {most} runs", most=MOST),
        )  # fmt: skip

    @property
    def inputs(self) -> list[Any]:
        """Of a handler that reads them, for :meth:`posed`."""
        return [self.names, self.seeds, self.second, self.varied.words]

    @property
    def places(self) -> list[Any]:
        """What :meth:`opened` fills."""
        return [self.names, self.second, *self.varied.places]

    def opened(self, controller: BundleController, fresh: bool) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        shown: dict[Any, Any] = {self.names: gr.update(**_offered(controller))}
        if fresh:
            choices = second_models(controller, None, CLASSIFIER)
            shown |= {self.second: gr.update(choices=choices, value="")}
            shown |= self.varied.opened(controller.bundle)
        return shown

    def offer(self, controller: BundleController, offered: Offered, model: str, chosen: str) -> Any:
        """The update of :attr:`second` for who may ask which models, beside the one that is
        asked."""
        choices = second_models(controller, offered, model)
        value = chosen if chosen in [name for _title, name in choices] else ""
        return gr.update(choices=choices, value=value)

    def posed(
        self, one: Request, picked: Sequence[str], numbers: str, second: str, typed: str
    ) -> PosedComparison:
        """The Explain tab's question, as the controls ask it.

        :raises BadInput: something is missing, too much, or not known.
        """
        controller, seeds = self._controllers[one.bundle], seeds_of(numbers)
        models = (one.model, second) if second else (one.model,)
        titles = {name: model_title(name, controller.about) for name in models}
        if second == one.model:
            raise BadInput(
                "the Explain tab asks {title} already; choose another second model",
                title=titles[second],
            )
        ordered = [name for _, name in form.method_choices(self._methods) if name in picked]
        # Settings of methods that are not ticked are left for when they are.
        chosen = [word for word in words_in(typed) if self._meant(word, ordered)]
        asked = [name for name in models if not second or controller.models.knows(name, one.target)]
        if not asked:
            raise BadInput(
                "neither model has the class {target!r}; choose another target in the Explain tab",
                target=one.target,
            )
        able = {name: controller.methods(name) for name in asked}
        kept = [name for name in ordered if any(name in methods for methods in able.values())]
        methods = {n: _(entry["title"]) for n, entry in self._methods.items()}
        fixed = {name for name, entry in self._methods.items() if not entry["seeded"]}
        requests = questions(one, kept, seeds, fixed, variants_in(chosen, ordered), able)
        drawn = [methods[n] for n in kept if n in fixed] if len(seeds) > 1 else []
        left_out = {
            titles[name]: [methods[n] for n in ordered if n not in able[name]] for name in asked
        }
        note = words.note(drawn, left_out if second else next(iter(left_out.values())))
        for name in models:
            if name not in asked:
                note += words.only_heard(titles[name], one.target)
        return PosedComparison(requests, models if second else (), note)

    def _meant(self, word: str, picked: Sequence[str]) -> bool:
        owner, dot, _key = word.partition("=")[0].strip().partition(".")
        return not dot or owner in picked or owner not in self._methods


def second_models(
    controller: BundleController, offered: Offered | None, asked: str
) -> list[tuple[str, str]]:
    """(label, name) of the models that can be asked beside another: the oracle, and those that the
    Explain tab offers.

    :param offered: None where it is not known who asks, who may not see all models of people's
        labels.
    """
    names = [choice.name for choice in controller.models.choices(offered or Offered())]
    if offered is None:
        names = [n for n in names if not (controller.about["models"][n] or {}).get("labels")]
    judge = [ORACLE] if controller.about["judge"] else []
    found = [name for name in dict.fromkeys([CLASSIFIER, *judge, *names]) if name != asked]

    def named(name: str) -> str:
        title = model_title(name, controller.about)
        return _("{title}, the independent judge", title=title) if name == ORACLE else title

    return [(_("None"), ""), *((named(name), name) for name in found)]


def _offered(controller: BundleController) -> dict[str, Any]:
    """The methods that can run, and which of them are ticked at first."""
    methods = controller.methods()
    folded = form.folded(controller.about["methods"])
    return {
        "choices": form.method_choices(methods), "value": [n for n in methods if n not in folded]
    }  # fmt: skip
