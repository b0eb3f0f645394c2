"""Which method, and with which settings: the controls under the question of the Explain tab."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from backends.errors import NotFound
from backends.regions.spec import Auto, RegionSpec, Whole
from studio.translation import _
from studio.ui.shared import form
from studio.ui.shared.asked_models import CLASSIFIER
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import show_errors
from studio.ui.shared.unchecked import a_text

__all__ = ["MethodInput"]


class MethodInput:
    """The methods that can run, as a control for the tab's sentence; :meth:`below` lays out their
    settings.

    :ivar method: the chosen one.
    :ivar importance: whether to measure which changes mattered.
    :ivar feather: pixels over which the pasted answer fades in.
    :ivar me: whether a person answers in place of the model.
    :ivar settings: a control for each setting, by method and name.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers, first = controllers, controllers.first
        self._methods = controllers.methods()
        names = form.method_choices(first.methods())
        self._first = names[0][1] if names else None
        self.method = gr.Dropdown(
            names, value=self._first, label=_("Method"), elem_id="method", container=False,
            filterable=False, interactive=True, render=False,
            min_width=130,
        )  # fmt: skip
        self._wanted = gr.State(self._first)  # what the person chose, while another stands in
        self._model = gr.State(CLASSIFIER)  # whose methods are offered

    def below(self) -> None:
        """Lay out what a run can be told beyond the sentence: one group of controls a method, made
        from its Config, of which only the chosen one is visible; the seed, and what else to do."""
        first = self.controllers.first
        self._groups: dict[str, gr.Group] = {}
        self.settings: dict[tuple[str, str], Any] = {}
        self._presets: dict[str, gr.Dropdown] = {}
        chosen = self._methods[self._first] if self._first else None
        with gr.Accordion(_("Settings of the method"), open=False):
            self._summary = gr.Markdown(_(chosen["summary"]) if chosen else "", elem_id="summary")
            for name, entry in self._methods.items():
                with gr.Group(visible=name == self._first) as self._groups[name]:
                    gr.Markdown(_("Source: {paper}", paper=entry["paper"]), padding=True)
                    if entry["presets"]:
                        self._presets[name] = form.presets(entry["presets"], f"preset-{name}")
                    for key, component in form.controls(entry["schema"]).items():
                        self.settings[name, key] = component
            self.seed = gr.Number(
                0, label=_("Seed"), precision=0, minimum=0, elem_id="seed",
                info=form.seed_info(chosen) if chosen else None,
            )  # fmt: skip
            self.importance = gr.Checkbox(
                False, label=_("Show which changes mattered (slower)"), elem_id="importance"
            )
            self.feather = gr.Slider(
                0, 100, 0, step=1, label=_("Soft edge"), elem_id="feather", interactive=True,
                visible=first.photographs,
                info=_("Of pasted.png alone, your own picture with the answer in it: pixels over "
                "which the change fades in. Nothing outside the region changes"),
            )  # fmt: skip
            self.me = gr.Checkbox(
                False, label=_("Ask me after each leap"), elem_id="ask-me", interactive=True,
                info=_("You are the model: the leaps follow what you call each picture"),
                visible=self.by_labels(self._first),
            )  # fmt: skip
        self._problems = gr.Accordion(**_problems(first), open=False)
        with self._problems:
            self._reasons = gr.Markdown(_reasons(first))

    def wire(self, bundle: gr.Dropdown, model: gr.Dropdown, region: Mapping[str, Any]) -> None:
        """Show the chosen method's own controls, and offer those that can explain ``model``.

        :param region: controls of :class:`backends.regions.settings.AutoRegion`, by name, which
            the presets set, too.
        """
        described = self.described
        # Unchecked: while the choices change, a control may still have one of those before.
        self.method.select(
            self._choose_listed, self.method, [self.method, *described], preprocess=False, **QUIET
        )
        model.change(
            self._offer, [bundle, model, self._model, self._wanted],
            [self._model, self.method, self._problems, self._reasons, *described],
            preprocess=False, **QUIET,
        )  # fmt: skip

        for name, preset in self._presets.items():
            own = {key: place for (owner, key), place in self.settings.items() if owner == name}
            # A list that is closed without a choice says "input", too.
            preset.change(
                self._taking(name, own, region), [bundle, preset],
                [*own.values(), *region.values()],
                **QUIET,
            )  # fmt: skip

    def _taking(
        self, name: str, own: Mapping[str, Any], region: Mapping[str, Any]
    ) -> Callable[[str, str], dict[Any, Any]]:
        def take_preset(bundle: str, chosen: str) -> dict[Any, Any]:
            """A preset's settings and region, or the bundle's usual settings."""
            entry = self.controllers[bundle].about["methods"][name]
            if not chosen:
                fields = entry["schema"]["properties"]
                return {place: fields[key].get("default") for key, place in own.items()}
            preset = entry["presets"][chosen]
            shown = {place: preset["settings"][key] for key, place in own.items()}
            spec = RegionSpec.parse(preset["region"]) if preset["region"] else Whole()
            wanted = dict(spec.settings) if isinstance(spec, Auto) else {}
            return shown | {region[key]: float(value) for key, value in wanted.items()}

        return take_preset

    @property
    def described(self) -> list[Any]:
        """What :meth:`choose` fills beside the method itself."""
        return [self._wanted, self._summary, self.seed, self.me, *self._groups.values()]

    def choose(self, name: str) -> dict[Any, Any]:
        """Updates that take a method, as if the person had chosen it."""
        return {self.method: name, self._wanted: name} | self._describe(name)

    def _choose_listed(self, name: Any) -> dict[Any, Any]:
        with show_errors():
            if a_text(name) not in self._methods:
                raise NotFound("the page has no method of that name; choose one from the list")
            return self.choose(name)

    def opened(self, controller: BundleController, fresh: bool = True) -> dict[Any, Any]:
        """Updates for another bundle, or (not ``fresh``) for the same with more parts."""
        names = form.method_choices(controller.methods())
        first = names[0][1] if names else None
        entries = controller.about["methods"]
        shown = self._describe(first) | {
            self.method: gr.update(choices=names, value=first), self._wanted: first,
            self._model: CLASSIFIER,
            self._problems: gr.update(**_problems(controller)),
            self._reasons: _reasons(controller),
            self.feather: gr.update(visible=controller.photographs),  # digits are never pasted
        }  # fmt: skip
        if fresh:
            shown |= dict.fromkeys(self._presets.values(), "")
            shown |= {
                setting: form.returned(entries[name]["schema"]["properties"][key])
                for (name, key), setting in self.settings.items()
                if "schema" in entries[name]
            }
        return shown

    @property
    def places(self) -> list[Any]:
        """Every control that can be set from outside, and what describes the chosen method."""
        return [
            self.method, self.importance, self.feather, *self.described, *self.settings.values(),
        ]  # fmt: skip

    def asked(
        self, controller: BundleController, model: str | None, name: str,
        settings: Mapping[str, Any],
    ) -> dict[Any, Any]:  # fmt: skip
        """Updates for an earlier question's method and its settings, where it can explain a
        model."""
        able = controller.methods(model)
        if name not in able:
            return {}
        fields, shown = able[name]["schema"]["properties"], self.choose(name)
        shown[self.method] = gr.update(choices=form.method_choices(able), value=name)
        for (owner, key), place in self.settings.items():
            if owner == name:
                value = settings.get(key)
                known = value is not None and form.fits(fields[key], value)
                shown[place] = value if known else fields[key].get("default")
        return shown

    def by_labels(self, name: str | None) -> bool:
        """Whether a person can take the model's place: the method needs no more than labels."""
        return name is not None and not self._methods[name]["gradients"]

    def values_of(self, name: str, values: Sequence[Any]) -> dict[str, Any]:
        """A method's settings out of the values of all ``settings``."""
        pairs = zip(self.settings, values, strict=True)
        return {key: value for (owner, key), value in pairs if owner == name}

    def _describe(self, name: str | None) -> dict[Any, Any]:
        updates: dict[Any, Any] = {
            group: gr.update(visible=n == name) for n, group in self._groups.items()
        }
        if name is None:
            return updates | {self._summary: "", self.me: gr.update(visible=False)}
        entry = self._methods[name]
        return updates | {
            self._summary: _(entry["summary"]), self.seed: gr.update(info=form.seed_info(entry)),
            self.me: gr.update(visible=self.by_labels(name)),
        }  # fmt: skip

    def _offer(self, which: Any, model: Any, offered: str, wanted: str | None) -> dict[Any, Any]:
        """The methods for another model: the one that the person chose wherever it can run."""
        with show_errors():
            controller, model = self.controllers[a_text(which)], a_text(model)
        if model in ("", offered):  # no picture, or the next one
            return {self._model: gr.skip()}
        names = form.method_choices(controller.methods(model))
        able = [value for _, value in names]
        now = wanted if wanted in able else (able[0] if able else None)
        return self._describe(now) | {
            self._model: model,
            self.method: gr.update(choices=names, value=now),
            self._problems: gr.update(**_problems(controller, model)),
            self._reasons: _reasons(controller, model),
        }


def _problems(controller: BundleController, model: str | None = None) -> dict[str, Any]:
    count = len(controller.problems(model))
    return {"label": _("Not available here: {count}", count=count), "visible": count > 0}


def _reasons(controller: BundleController, model: str | None = None) -> str:
    return "\n".join(f"- {problem}" for problem in controller.problems(model))
