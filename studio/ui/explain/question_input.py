"""What the model says of the picture, and what it should say instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from backends.bundles import ORACLE
from backends.core import Prediction
from studio.export.labels import model_title
from studio.translation import _
from studio.ui.shared import markup
from studio.ui.shared.asked_models import CLASSIFIER
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Shown
from studio.ui.shared.model_list import KINDS, ModelChoice, Offered
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import show_errors
from studio.ui.shared.unchecked import a_text

__all__ = ["QuestionInput"]

Opinions = Mapping[str, tuple[ModelChoice, Prediction]]


class QuestionInput:
    """The model and its target, of which the tab puts the controls into its sentence, and what the
    model says, laid out where :meth:`below` is called.

    :ivar model: which of the bundle's models is asked.
    :ivar target: what it should say, as :meth:`BundleController.goals` writes it.
    :ivar instead: what it says now, in the sentence.
    :ivar prediction: its first classes, each of which can be clicked.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        self._opinions = gr.State({})  # each model that can be asked, and what it says
        # What a person types may be a free prompt; other words are told of at once.
        self.model = gr.Dropdown(
            [(_("the model"), CLASSIFIER)], value=CLASSIFIER, label=_("Model"), elem_id="model",
            container=False, render=False,
            filterable=False, interactive=True, min_width=120,
        )  # fmt: skip
        self.target = gr.Dropdown(
            [], label=_("What it should say"), elem_id="target", filterable=True, container=False,
            allow_custom_value=True, render=False, min_width=110,
        )  # fmt: skip
        self.instead = gr.HTML(markup.instead(None), elem_id="instead", render=False)

    def below(self) -> None:
        """Lay out what the model says."""
        self.prediction = gr.Label(
            label=_("The model says (click another to ask for it)"), num_top_classes=5,
            elem_id="prediction",
        )  # fmt: skip
        self._people = gr.HTML(elem_id="opinions")

    def wire(self, bundle: gr.Dropdown) -> None:
        """Let a class be clicked, and another model be asked."""
        self.prediction.select(_ask_for, self.prediction, self.target, **QUIET)
        self.model.select(
            self._another_model, [self.model, bundle, self._opinions],
            [self.target, self.instead, self.prediction], preprocess=False, **QUIET,
        )  # fmt: skip

    @property
    def places(self) -> list[Any]:
        """What :meth:`asked` and :meth:`cleared` fill."""
        return [
            self._opinions, self.model, self.target, self.instead, self.prediction, self._people,
        ]  # fmt: skip

    def asked(
        self, controller: BundleController, shown: Shown, offered: Offered, model: str = CLASSIFIER
    ) -> dict[Any, Any]:
        """Updates for a picture that the models have looked at.

        :param offered: which of them the visitor may ask.
        :param model: to ask, the classifier where that may not be.
        """
        said = {CLASSIFIER: shown.prediction, **shown.opinions}
        asked = {
            choice.name: (choice, said[choice.name])
            for choice in controller.models.choices(offered) if choice.name in said
        }  # fmt: skip
        if model == ORACLE and model in said:  # an answer of Compare is opened again
            classes = tuple(controller.about["class_names"])
            oracle = ModelChoice(model, model_title(model, controller.about), "judge", classes)
            asked[model] = oracle, said[model]
        if model not in asked:  # an address that was shared, of a model that was not, or is gone
            gr.Warning(
                _(
                    "This answer is of a model that is not here for you: it is shown, but the "
                    "question above is put to the bundle’s own classifier."
                )
            )
            model = CLASSIFIER
        models = [(_named(choice), name) for name, (choice, _said) in asked.items()]
        return {
            self._opinions: asked,
            self.model: gr.update(choices=models, value=model),
            self._people: controller.models.people_say(shown, offered),
            **self._about(controller, *asked[model]),
        }

    def cleared(self) -> dict[Any, Any]:
        """Updates for no picture."""
        return {
            self._opinions: {}, self._people: "", self.prediction: None,
            self.model: gr.update(choices=[(_("the model"), CLASSIFIER)], value=CLASSIFIER),
            self.target: gr.update(choices=[], value=None), self.instead: markup.instead(None),
        }  # fmt: skip

    def _about(
        self, controller: BundleController, model: ModelChoice, opinion: Prediction
    ) -> dict[Any, Any]:
        """The controls about one model, the runner-up chosen."""
        goals = controller.models.goals(model, opinion)
        first = goals[0][1] if goals else None
        return {
            self.target: gr.update(choices=goals, value=first),
            self.instead: markup.instead(controller.models.says(model.name, opinion)),
            self.prediction: opinion.probabilities,
        }

    def _another_model(self, model: Any, bundle: Any, opinions: Opinions) -> dict[Any, Any]:
        with show_errors():
            chosen = opinions.get(a_text(model))
            if chosen is None:  # while the picture changes
                return {self.target: gr.skip()}
            return self._about(self.controllers[a_text(bundle)], *chosen)


def _named(model: ModelChoice) -> str:
    """What the list of models calls one."""
    if model.kind == "classifier":
        return _("the model")
    if model.kind == "people":
        return f"{model.title} ({_(KINDS['people'])})"
    return model.title if model.kind == "own" else _(model.title)


def _ask_for(event: gr.SelectData, shown: dict[str, float]) -> Any:
    predicted = max(shown, key=shown.__getitem__)
    if event.value != predicted:
        return event.value
    gr.Info(
        _(
            "The model says {predicted} already; choose another class to ask for.",
            predicted=predicted,
        )
    )
    return gr.skip()
