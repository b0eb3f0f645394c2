"""Regions by words and by clicks: what was found stands as chips beside the canvas."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np

from backends.errors import BadInput
from backends.regions.candidates import Candidate, Missed, union
from studio.translation import N_, _
from studio.ui.shared import canvas, markup
from studio.ui.shared.controller import SHARED, BundleController
from studio.ui.shared.controllers import Controllers
from studio.ui.shared.factual import Factual
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import error_text, owner_of, sentence

__all__ = ["RegionPrompts"]

SIZES = {
    2: (N_("smaller"), N_("larger")),
    3: (N_("part"), N_("object"), N_("whole")),
}
CLICKING = N_(
    "Click on the picture: **Click +** (C) marks what may change, **Click −** (V, or the right "
    "mouse button) what may not; Undo takes a click back, Enter applies what was found."
)
LOST = N_("the clicks did not arrive; click again")
# What was found is paint now, or put away: the chips have done their work.
PAINTED = "() => ['painted', [], null]"
CANCELLED = "() => [window.regionCanvas.source(), [], null]"


class RegionPrompts:
    """The panels for words and clicks; of both only that of the chosen source is visible.

    Made inside the current Blocks above the canvas, for words; :meth:`below` lays out the rest
    under it, where a click does not move the canvas away from the pointer.
    """

    def __init__(self, controllers: Controllers) -> None:
        self.controllers = controllers
        first = controllers.first
        with gr.Group(visible=False) as self._words:
            self._known = gr.Dataset(
                components=["textbox"], samples=_samples(first), type="values", layout="gallery",
                label=_("Words that this bundle knows"), elem_id="known-words", samples_per_page=40,
                visible=bool(first.language["known"]),
            )  # fmt: skip
            with gr.Row(equal_height=True):
                self._phrase = gr.Textbox(
                    label=_("What may change?"), placeholder=_("beard, left eye …"), max_lines=1,
                    info=_("Commas between several things"), elem_id="phrase", scale=4,
                )  # fmt: skip
                self._find = gr.Button(_("Find"), elem_id="find-words", scale=1, min_width=80)
            self.offer = gr.HTML(elem_id="word-offer")
            self.use = gr.Button(_("Use it"), elem_id="use-offer", size="sm", visible=False)
            self.chips = gr.CheckboxGroup(
                [], label=_("Found: tick what counts"), elem_id="candidates", visible=False
            )
        self._lacking = gr.HTML(elem_id="region-lacking", visible=False)
        self.fetch = gr.Button(_("Fetch"), size="sm", elem_id="fetch-region", visible=False)
        self._points = gr.Textbox(visible=False, label=_("Clicks (JSON)"))
        self.found, self.missed, self.parts = (gr.State([]) for _ in range(3))

    def below(self) -> None:
        """Lay out what stands under the canvas."""
        with gr.Group(visible=False) as self._clicks:
            gr.Markdown(_(CLICKING), padding=True)
            self.sizes = gr.Radio(
                [], label=_("How much of it?"), elem_id="alternatives", visible=False
            )

    # ------------------------------------------------------------------ what is shown when

    def opened(self, controller: BundleController) -> dict[Any, Any]:
        """Updates for another bundle, or for more parts of the same."""
        return {
            self._known: gr.update(
                samples=_samples(controller), visible=bool(controller.language["known"])
            ),
            **self._panels("", controller),
        }

    def reset(self) -> dict[Any, Any]:
        """Updates for another picture."""
        return {
            self.found: [], self.missed: [], self.parts: [], self._phrase: "",
            self.chips: gr.update(choices=[], value=[], visible=False),
            self.sizes: gr.update(choices=[], value=None, visible=False),
            self.offer: "", self.use: gr.update(visible=False), **self._panels(""),
        }  # fmt: skip

    def _panels(self, source: str, controller: BundleController | None = None) -> dict[Any, Any]:
        spoken = source in ("words", "clicks")
        problem = controller.language[source] if controller and spoken else None
        shared = controller.to_pull(SHARED).get(SHARED, []) if problem and controller else []
        size = markup.megabytes(sum(item["size"] - item["have"] for item in shared))
        return {
            self._words: gr.update(visible=source == "words"),
            self._clicks: gr.update(visible=source == "clicks" and not problem),
            self._lacking: gr.update(value=markup.hint(problem or ""), visible=bool(problem)),
            self.fetch: gr.update(
                value=_("Fetch what is missing ({size})", size=size), visible=bool(shared)
            ),
        }

    def look_again(self, event: Callable[..., Any]) -> None:
        """Let an event show the panel of the chosen source, and what it lacks."""

        def look(source: str, name: str) -> dict[Any, Any]:
            return self._panels(source, self.controllers[name])

        event(
            look, self._chosen, [*self._panels("")], queue=False, **QUIET,
        )  # fmt: skip

    # ------------------------------------------------------------------ what a person does

    def wire(
        self, picture: gr.State, bundle: gr.Dropdown, source: gr.Radio, board: gr.HTML
    ) -> None:
        """Let words and clicks draw on the canvas ``board`` over ``picture``."""
        self.source, self.board = source, board
        chips = [picture, self.found, self.chips]
        found = [
            board, source, self.found, self.missed, self.chips, self.offer, self.use,
            self._phrase,
        ]  # fmt: skip
        # A veil over the picture would hide what is asked about.
        quietly = {"show_progress_on": [self._phrase], "api_visibility": "private"}
        self._chosen = [source, bundle]
        self.look_again(source.change)
        gr.on(
            [self._find.click, self._phrase.submit],
            self.search, [self._phrase, *chips], found, **quietly,
        )  # fmt: skip
        self._known.click(self.search_known, [self._known, *chips], found, **quietly)
        self.use.click(self.search_lower, [self.missed, *chips], found, **quietly)
        self.chips.input(
            self.toggle, chips, board, trigger_mode="always_last", **QUIET,
        )  # fmt: skip
        board.clicked(
            self.click, [self._points, picture],
            [board, source, self.sizes, self.parts, self.chips], js=canvas.READ_CLICKS,
            trigger_mode="always_last", **QUIET,
        )  # fmt: skip
        self.sizes.input(
            self.resize, [self.sizes, picture, self.parts], board,
            trigger_mode="always_last", **QUIET,
        )  # fmt: skip
        chosen = [source, self.chips, self.sizes]
        board.painted(None, None, chosen, js=PAINTED, api_visibility="private")
        board.cancelled(None, None, chosen, js=CANCELLED, api_visibility="private")
        board.took(None, None, source, js="() => 'clicks'", api_visibility="private")

    async def search(
        self, phrase: str, seen: Factual | None, found: list[Candidate], chosen: list[int],
        request: gr.Request, settings: dict[str, Any] | None = None,
        rest: list[Missed] | None = None,
    ) -> dict[Any, Any]:  # fmt: skip
        """Look for a phrase; what is found joins the chips, the best of each label ticked.
        Nothing changes when another picture was chosen meanwhile."""
        owner = owner_of(request)
        self.controllers.use(owner)
        try:
            controller, factual = self.controllers.of(seen)
            new = await controller.words(owner, factual.pixels, phrase, settings or {})
        except Exception as error:
            failed = markup.failure(error_text(error, N_("what was found")))
            gone = seen is not None and not self.controllers.still(owner, seen)
            return self._unchanged() if gone else {
                self.offer: failed, self.use: gr.update(visible=False)
            }  # fmt: skip
        if not self.controllers.still(owner, factual):
            return self._unchanged()
        found, ticked, named = list(found), set(chosen), set()
        for one in new.candidates:
            place = next((i for i, old in enumerate(found) if _same(old, one)), len(found))
            found[place:] = found[place:] or [one]
            if one.label not in named:
                ticked.add(place)
            named.add(one.label)
        missed = [*new.missed, *(rest or [])]
        lower = next((one for one in missed if one.lower is not None), None)
        sentences = "".join(markup.hint(one.sentence) for one in missed)
        text = (
            _("Use {phrase!r} at {lower:.2f}", phrase=lower.phrase, lower=lower.lower)
            if lower
            else ""
        )
        shown = {
            self.found: found, self.missed: missed, self.offer: sentences,
            self.use: gr.update(value=text, visible=lower is not None),
            self.chips: gr.update(
                choices=[(_chip(one), i) for i, one in enumerate(found)], value=sorted(ticked),
                visible=bool(found),
            ),
        }  # fmt: skip
        if new.candidates:
            scene = self.toggle(seen, found, sorted(ticked))
            shown |= {self.board: scene, self.source: "words"}
        return shown

    async def search_known(
        self, sample: list[str], seen: Factual | None, found: list[Candidate], chosen: list[int],
        request: gr.Request,
    ) -> dict[Any, Any]:  # fmt: skip
        """Look for a word that the bundle knows by itself."""
        (word,) = sample
        shown = await self.search(word, seen, found, chosen, request)
        return {self._phrase: word} | shown

    async def search_lower(
        self, missed: list[Missed], seen: Factual | None, found: list[Candidate],
        chosen: list[int], request: gr.Request,
    ) -> dict[Any, Any]:  # fmt: skip
        """Take the offer: look for the first phrase that a lower threshold lets through."""
        one = next((one for one in missed if one.lower is not None), None)
        if one is None:  # it was taken before, or is of the picture before
            return self._unchanged()
        rest = [other for other in missed if other is not one]
        settings = {"threshold": one.lower}
        return await self.search(one.phrase, seen, found, chosen, request, settings, rest)

    def _unchanged(self) -> dict[Any, Any]:
        return {self.board: gr.skip(), self._phrase: gr.skip()}

    def toggle(
        self, seen: Factual | None, found: list[Candidate], chosen: list[int]
    ) -> dict[str, Any]:
        """The ticked candidates on the canvas, together."""
        # A tick may come from chips of the picture before, which are gone.
        ticked = [found[i] for i in chosen if i < len(found)]
        mask = union(one.mask for one in ticked) if ticked else None
        story = "text:" + ", ".join(dict.fromkeys(one.label for one in ticked))
        overlay = canvas.Overlay(mask, "words", story)
        return gr.update(scene=canvas.scene(overlay=overlay, of=seen.digest if seen else ""))

    async def click(self, points: str, seen: Factual | None, request: gr.Request) -> dict[Any, Any]:
        """The mask of all clicks so far; a single one may have meant several things."""
        rows: list[tuple[float, ...]] = []
        self.controllers.use(owner_of(request))
        try:
            rows = _clicks(points)
            if not rows:
                return {self.board: gr.skip()}
            places, labels = [(x, y) for x, y, _ in rows], [int(label) for *_, label in rows]
            controller, factual = self.controllers.of(seen)
            one = await controller.click(owner_of(request), factual.pixels, places, labels)
        except Exception as error:  # whatever happened, the canvas must not wait on
            of, said = seen.digest if seen else "", sentence(error_text(error, N_("the thing")))
            refused = canvas.scene(refused=len(rows), of=of, message=said)
            return {self.board: gr.update(scene=refused)}
        if not self.controllers.still(owner_of(request), factual):
            return {self.board: gr.skip()}
        signed = (("+" if label else "-") + f"{x:g},{y:g}" for x, y, label in rows)
        story = "points:" + ";".join(signed)
        parts = [(part, f"{story};choice={i}") for i, part in enumerate(one.alternatives, 1)]
        taken = next((i for i, (part, _story) in enumerate(parts) if part.mask is one.mask), None)
        names = SIZES.get(len(parts), ())
        sizes = [
            (f"{_(name)} · {part.score:.2f}", i)
            for i, (name, (part, _story)) in _counted(names, parts)
        ]
        overlay = canvas.Overlay(one.mask, "clicks", story, len(rows))
        return {
            self.board: gr.update(scene=canvas.scene(overlay=overlay, of=factual.digest)),
            self.source: "clicks",
            self.parts: parts, self.chips: gr.update(value=[]),
            self.sizes: gr.update(choices=sizes, value=taken, visible=bool(sizes)),
        }  # fmt: skip

    def resize(
        self, which: Any, seen: Factual | None, parts: list[tuple[Candidate, str]]
    ) -> dict[str, Any]:
        """Another of the things that a single click may have meant."""
        if seen is None or which not in range(len(parts)):  # of the picture before
            return gr.skip()
        part, story = parts[which]
        overlay = canvas.Overlay(part.mask, "clicks", story, 1, replaces=True)
        return gr.update(scene=canvas.scene(overlay=overlay, of=seen.digest))


def _clicks(points: Any) -> list[tuple[float, ...]]:
    """(x, y, whether it may change) of each click, as the page's script sends them.

    :raises BadInput: it sent something else.
    """
    try:
        rows = [tuple(map(float, row)) for row in json.loads(points)[:200]]
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadInput(LOST) from error
    if any(len(row) != 3 or not all(map(math.isfinite, row)) for row in rows):
        raise BadInput(LOST)
    return rows


def _counted(names: Any, parts: Any) -> Any:
    return enumerate(zip(names, parts, strict=False))


def _samples(controller: BundleController) -> list[list[str]]:
    return [[word] for word in controller.language["known"]]


def _chip(one: Candidate) -> str:
    return f"{one.label} · {one.score:.2f}"


def _same(one: Candidate, other: Candidate) -> bool:
    return one.label == other.label and np.array_equal(one.mask, other.mask)
