"""What an empty page offers: questions to begin with, and the bundles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from PIL import Image

from backends import bundles, service
from backends.errors import StudioError
from studio.translation import _
from studio.ui.shared import canvas, form, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Shown
from studio.ui.shared.requests import owner_of
from studio.ui.shared.static import static_text

__all__ = ["READ_CARD", "Begun", "Welcome"]

COUNT, SIDE = 3, 96
READ_CARD = "(...a) => { a[0] = window.bundleCard; return a; }"


@dataclass(frozen=True)
class Worked:
    """A question to begin with.

    :ivar source: an example's path, or the seed of a picture that the bundle draws.
    :ivar region: ``whole`` or ``auto``.
    """

    source: str | int
    region: str
    method: str
    text: str


@dataclass(frozen=True)
class Begun:
    """A question to begin with, whose picture was looked at; ``proposed`` is the canvas's scene
    with the model's region, where that is asked for."""

    shown: Shown
    region: str
    method: str
    proposed: str | None


class Welcome:
    """Three questions that run at one click, and a card for each bundle, laid out inside the
    current Blocks; the page's style hides them while there is a picture.

    :ivar cards: its ``picked`` event says that a bundle's card was clicked.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        first = controllers.first
        with gr.Column(elem_id="welcome"):
            self._heading = gr.HTML(
                markup.heading(_("Begin with one of these, or choose a picture at the left"))
            )
            with gr.Row(elem_id="worked"):
                self._buttons = [
                    gr.Button(**_button(first, place), elem_id=f"worked-{place}", size="lg")
                    for place in range(COUNT)
                ]
            gr.HTML(markup.heading(_("Bundles: what can be explained here")))
            self.cards = gr.HTML(
                self._cards(), elem_id="bundle-cards", js_on_load=static_text("cards.js")
            )

    def opened(self, controller: BundleController) -> dict[Any, Any]:
        """Updates for another bundle, or for more parts of the same."""
        return {
            button: gr.update(**_button(controller, place))
            for place, button in enumerate(self._buttons)
        } | {self.cards: self._cards()}

    def wire(
        self, bundle: gr.Dropdown, begin: Callable[[str, BundleController, Begun], dict[Any, Any]],
        refuse: Callable[[str, StudioError], dict[Any, Any]], places: list[Any],
        run: Callable[[Any], Any],
    ) -> None:  # fmt: skip
        """Let each question fill ``places`` with what ``begin`` makes of it, and then run.

        :param run: starts the run after an event.
        """
        for place, button in enumerate(self._buttons):
            handler = self._asking(place, begin, refuse)
            asked = button.click(
                handler, bundle, places, show_progress_on=self._heading, api_visibility="private"
            )
            run(asked.success)

    def _asking(
        self, place: int, begin: Callable[[str, BundleController, Begun], dict[Any, Any]],
        refuse: Callable[[str, StudioError], dict[Any, Any]],
    ) -> Callable[..., Any]:  # fmt: skip
        async def ask_worked(name: str, request: gr.Request) -> dict[Any, Any]:
            owner, controller = owner_of(request), self.controllers[name]
            try:
                worked = worked_questions(controller)[place]
                if isinstance(worked.source, int):
                    shown = await controller.sample(owner, worked.source)
                else:
                    shown = await controller.show(owner, worked.source)
                proposed = None
                if worked.region == "auto":
                    proposed, _ = await controller.propose(
                        owner, shown.picture, None, {}, anew=True
                    )
                return begin(
                    owner, controller, Begun(shown, worked.region, worked.method, proposed)
                )
            except StudioError as error:
                return refuse(owner, error)

        return ask_worked

    def _cards(self) -> str:
        cards = []
        for name in self.controllers.names:
            manifest = bundles.get(name).manifest
            missing = sum(item["size"] - item["have"] for item in _missing(name))
            needs = (
                _("fetches {missing} first", missing=markup.megabytes(missing))
                if missing
                else _("is ready")
            )
            title, about = _(manifest.title), _(manifest.description or "")
            cards.append((name, title, about, needs, _cover(name)))
        return markup.bundle_cards(cards)


def worked_questions(controller: BundleController) -> list[Worked]:
    """Up to three questions about pictures of the bundle: where anything may change, and where the
    model looks, by different methods; none where nothing can be explained yet."""
    methods = controller.methods()
    names = [name for _, name in form.method_choices(methods) if name not in form.folded(methods)]
    if not names:
        return []
    sources = _sources(controller)
    second = "rcsb" if "rcsb" in names else names[-1]
    asked = [("whole", names[0]), ("auto", second), ("whole", names[1 % len(names)])]
    where = {"whole": _("anything may change"), "auto": _("only where the model looks")}
    return [
        Worked(source, region, name, f"{title} · {where[region]} · {methods[name]['title']}")
        for (title, source), (region, name) in zip(sources, asked, strict=False)
    ]


def _sources(controller: BundleController) -> Sequence[tuple[str, str | int]]:
    """Pictures of different classes, with what each is."""
    if controller.about["samples"]:
        return [(_("Face {seed}", seed=seed), seed) for seed in range(1, COUNT + 1)]
    by_class = {
        e["label"]: str(controller.folder / e["file"]) for e in controller.about["examples"]
    }
    found = list(by_class.items())
    spread = max(1, len(found) // COUNT)
    return [(_("Why “{label}”?", label=label), path) for label, path in found[::spread][:COUNT]]


def _button(controller: BundleController, place: int) -> dict[str, Any]:
    found = worked_questions(controller)
    if place >= len(found):
        return {"value": "", "visible": False}
    worked = found[place]
    icon = worked.source if isinstance(worked.source, str) else None
    return {"value": worked.text, "icon": icon, "visible": True}


def _missing(name: str) -> list[dict[str, Any]]:
    try:
        return list(service.to_pull(name))
    except StudioError:
        return []


def _cover(name: str) -> str:
    """A picture of the bundle as a data URL; empty where it has none."""
    bundle = bundles.get(name)
    if not bundle.own.examples:
        return ""
    with Image.open(bundle.folder / bundle.own.examples[0].file) as picture:
        picture.thumbnail((SIDE, SIDE))
        return canvas.preview(picture.convert("RGB"), SIDE)
