"""What a person has set, kept in the browser: the bundle, the method, its settings, the seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from studio.ui.explain.gallery import SAY, Said
from studio.ui.explain.method_input import MethodInput
from studio.ui.shared import form
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.on_demand import on_demand
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import show_errors
from studio.ui.shared.unchecked import a_text

__all__ = ["Preferences"]

# Only where something is kept: bringing it back tells every control of the page. The kept values
# are read a moment after the page is there.
HOST = """
if (localStorage.getItem("studio-set")) setTimeout(() => trigger("restored"), 500);
"""
# Gradio keeps the empty default, too, so what a person has set leaves a mark of its own.
MARK = "(...a) => { localStorage.setItem('studio-set', '1'); return a; }"
TurnTo = Callable[[str, Any, gr.Request], dict[Any, Any]]


class Preferences:
    """Made inside the current Blocks, outside the tabs; shows nothing.

    Only what differs from the defaults is kept, so that a new default reaches everybody; what the
    settings' schema no longer allows is ignored.
    """

    def __init__(self, controllers: Controllers, bundle: gr.Dropdown, methods: MethodInput) -> None:
        self.controllers, self._bundle, self._methods = controllers, bundle, methods
        # Fixed words, which are no secret, or each start of the studio would forget them.
        self._kept = gr.BrowserState(  # nosec B106
            {}, storage_key="studio-settings", secret="studio-settings"
        )
        self._said = gr.JSON(visible=False)
        self._host = on_demand("settings-host", HOST)
        self._last = gr.State("")  # the bundle whose settings were brought back last

    def wire(self, codes: Any, turn_to: TurnTo, places: list[Any], chosen: Any) -> None:
        """Keep what is set, and bring it back.

        :param turn_to: updates for another bundle, of ``places``.
        :param chosen: the event after which another bundle is.
        """
        self._turn_to = turn_to
        methods, bundle, kept = self._methods, self._bundle, self._kept
        # Only what a person does: a control that is set from outside says "change" alone.
        controls = [methods.method, methods.seed, *methods.settings.values()]
        gr.on(
            [control.input for control in controls], self._note,
            [kept, bundle, methods.method, methods.seed, *methods.settings.values()], kept,
            js=MARK, trigger_mode="always_last", queue=False, preprocess=False, **QUIET,
        )  # fmt: skip
        back = list(dict.fromkeys([bundle, self._last, *places, *methods.places]))
        bundle.input(self._note_bundle, [kept, bundle], kept, js=MARK, queue=False, **QUIET)
        chosen(
            self._restore_chosen, [kept, bundle, self._last], [self._last, *methods.places], **QUIET
        )
        self._host.restored(
            self._restore_loaded, [self._said, kept, bundle, codes], back, js=SAY, **QUIET
        )

    def _note(self, kept: Any, given: Any, method: Any, seed: Any, *values: Any) -> dict[str, Any]:
        with show_errors():
            controller = self.controllers[a_text(given)]
            name = a_text(method)
        usual: Mapping[str, Mapping[str, Any]] = controller.about["methods"]
        settings: dict[str, dict[str, Any]] = {}
        for (owner, key), value in zip(self._methods.settings, values, strict=True):
            field = usual[owner].get("schema", {}).get("properties", {}).get(key)
            if field and value != field.get("default") and form.fits(field, value):
                settings.setdefault(owner, {})[key] = value
        of_bundles = _mapping(_mapping(kept).get("bundles"))
        return {
            "bundle": controller.bundle,
            "seed": int(seed) if isinstance(seed, int | float) and math.isfinite(seed) else 0,
            "bundles": {**of_bundles, controller.bundle: {"method": name, "settings": settings}},
        }  # fmt: skip

    def _note_bundle(self, kept: Any, bundle: str) -> dict[str, Any]:
        return {**_mapping(kept), "bundle": bundle}

    def _restore_chosen(self, kept: Any, bundle: str, last: str) -> dict[Any, Any]:
        """A bundle that was chosen has its own settings. A list that is closed without a choice
        says "input", too."""
        if bundle == (last or self.controllers.first.bundle):
            return {self._last: gr.skip()}
        return self._set(_mapping(kept), bundle) | {self._last: bundle}

    def _restore_loaded(
        self, request: gr.Request, given: Any, kept: Any, bundle: str, held: Any
    ) -> dict[Any, Any]:
        """A new page opens as the last one was set, unless its address names a run."""
        wanted = _mapping(kept)
        if Said.of(given).run or not wanted:
            return {self._last: gr.skip()}
        now = wanted.get("bundle")
        turned: dict[Any, Any] = {}
        if now != bundle and now in self.controllers.names:
            bundle, turned = now, self._turn_to(now, held, request)
        return turned | self._set(wanted, bundle) | {self._last: bundle}

    def _set(self, kept: Mapping[str, Any], bundle: str) -> dict[Any, Any]:
        """Updates for what was set in a bundle, as far as it can still be set."""
        controller, methods = self.controllers[bundle], self._methods
        own = _mapping(_mapping(kept.get("bundles")).get(bundle))
        shown: dict[Any, Any] = {}
        able: Mapping[str, Mapping[str, Any]] = controller.methods()
        settings = _mapping(own.get("settings"))
        if own.get("method") in able:
            shown |= methods.asked(controller, None, own["method"], {})
        for (owner, key), place in methods.settings.items():
            value = _mapping(settings.get(owner)).get(key)
            field = able.get(owner, {}).get("schema", {}).get("properties", {}).get(key)
            if value is not None and field and form.fits(field, value):
                shown[place] = value
        seed = kept.get("seed")
        if isinstance(seed, int) and seed >= 0:
            told = shown.get(methods.seed, {})  # what the seed does to the method
            shown[methods.seed] = gr.update(**{**told, "value": seed})
        return shown


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
