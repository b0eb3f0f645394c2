"""The bundle's example pictures, by class, as a grid of one tab stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import gradio as gr
from PIL import Image

from backends.errors import NotFound
from studio.translation import _
from studio.ui.shared import canvas, markup
from studio.ui.shared.controller import BundleController
from studio.ui.shared.quiet import QUIET
from studio.ui.shared.requests import show_errors
from studio.ui.shared.static import static_text
from studio.ui.shared.unchecked import a_text

__all__ = ["ExampleGrid"]

READ = "(...a) => { a[0] = window.example; return a; }"
SIDE = 96  # pixels of a thumbnail
ALL = "all"


class ExampleGrid:
    """Example pictures to choose from, laid out inside the current Blocks; arrow keys go through
    them."""

    def __init__(self, controller: BundleController) -> None:
        by_class = _by_class(controller)
        with gr.Column(elem_id="example-choice"):
            self._grid = gr.HTML(
                _grid(controller, ALL), elem_id="examples", js_on_load=static_text("examples.js")
            )
            self._kind = gr.Dropdown(
                _kinds(by_class),
                value=ALL,
                label=_("Show"),
                elem_id="example-class",
                container=False,
            )
        self._chosen = gr.Textbox(visible=False, label=_("The example that was clicked"))

    def opened(self, controller: BundleController) -> dict[Any, Any]:
        """Updates for another bundle."""
        return {
            self._grid: _grid(controller, ALL),
            self._kind: gr.update(choices=_kinds(_by_class(controller)), value=ALL),
        }

    def wire(
        self, bundle: gr.Dropdown, find: Callable[[str], BundleController],
        pick: Callable[..., Any], places: list[Any],
    ) -> None:  # fmt: skip
        """Let a clicked example fill ``places``: ``pick`` gets its path and the bundle."""

        async def pick_example(file: str, name: str, request: gr.Request) -> Any:
            with show_errors():
                controller = find(name)
                # What a page sends is no path: one of the bundle's own examples, or nothing.
                known = [e["file"] for e in controller.about["examples"] if e["file"] == file]
                if not known:
                    raise NotFound("that is not among the examples; choose one that is shown")
                return await pick(controller.folder / known[0], name, request)

        def show_kind(kind: Any, name: Any) -> str:
            with show_errors():
                return _grid(find(a_text(name)), a_text(kind))

        self._grid.picked(
            pick_example, [self._chosen, bundle], places, js=READ, show_progress_on=self._grid,
            api_visibility="private",
        )  # fmt: skip
        # Unchecked: while the bundle changes, the class may still be one of the bundle before.
        self._kind.input(show_kind, [self._kind, bundle], self._grid, preprocess=False, **QUIET)


def _by_class(controller: BundleController) -> dict[str, list[dict[str, Any]]]:
    """The examples: two of each class under ``all``, and all of each class."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in controller.about["class_names"]}
    for example in controller.about["examples"]:
        found[example["label"]].append(example)
    first = [example for examples in found.values() for example in examples[:2]]
    return {ALL: first} | {name: examples for name, examples in found.items() if examples}


def _kinds(by_class: Iterable[str]) -> list[tuple[str, str]]:
    """What can be shown: all, or a class."""
    return [(_("all") if name == ALL else name, name) for name in by_class]


def _grid(controller: BundleController, kind: str) -> str:
    shown = _by_class(controller).get(kind, [])
    return markup.examples(
        [
            (one["file"], one["label"], _thumbnail(str(controller.folder / one["file"])))
            for one in shown
        ]
    )


@lru_cache(maxsize=4096)
def _thumbnail(path: str) -> str:
    """A small picture of a file, as a data URL."""
    with Image.open(path) as picture:
        picture.thumbnail((SIDE, SIDE))
        return canvas.preview(picture.convert("RGB"), SIDE)
