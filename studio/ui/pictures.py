"""Where a picture comes from: an example, a file, a drawing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from studio.ui import canvas
from studio.ui.desk import Desk, Shown
from studio.ui.edge import owner_of, sentences, uploaded

__all__ = ["Pictures"]

READ_SKETCH = "() => [window.sketch.picture()]"


class Pictures:
    """Three tabs to choose a picture in, laid out inside the current Blocks."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        with gr.Tabs():
            with gr.Tab("Examples"):
                self._shelf, self._kind, self._gallery = _examples(desk)
            with gr.Tab("Upload"):
                self._upload = gr.Image(
                    label="Upload, paste or photograph", height=190, format="png",
                    sources=["upload", "clipboard", "webcam"], elem_id="upload",
                )  # fmt: skip
            with gr.Tab("Draw"):
                canvas.sketch_board("sketch")
                self._use_drawing = gr.Button("Use this drawing", elem_id="use-drawing")
                self._drawing = gr.Textbox(visible=False, label="Drawing (PNG data URL)")

    def wire(self, put: Callable[[Shown], tuple[Any, ...]], places: list[Any]) -> None:
        """Let a chosen picture fill ``places`` with what ``put`` makes of it."""

        async def predict(file: dict[str, Any] | None, request: gr.Request) -> tuple[Any, ...]:
            if file is None:
                return tuple(gr.skip() for _ in places)
            with sentences():
                return put(await self.desk.show(owner_of(request), uploaded(file)))

        async def pick_example(
            digit: str, event: gr.SelectData, request: gr.Request
        ) -> tuple[Any, ...]:
            with sentences():
                return put(await self.desk.show(owner_of(request), self._shelf[digit][event.index]))

        async def take_drawing(url: str, request: gr.Request) -> tuple[Any, ...]:
            with sentences():
                return put(await self.desk.show(owner_of(request), canvas.from_data_url(url)))

        # preprocess=False: our own reader explains what is wrong with a file; gradio's would not.
        self._upload.input(predict, self._upload, places, api_name="predict", preprocess=False)
        self._gallery.select(pick_example, self._kind, places, api_visibility="private")
        self._kind.input(
            lambda digit: gr.Gallery(self._shelf[digit], selected_index=None),
            self._kind, self._gallery, api_visibility="private",
        )  # fmt: skip
        self._use_drawing.click(
            take_drawing, self._drawing, places, js=READ_SKETCH, api_visibility="private"
        )


def _examples(desk: Desk) -> tuple[dict[str, list[str]], gr.Dropdown, gr.Gallery]:
    """The bundle's example pictures: two of each class, or all of one."""
    names = desk.about["class_names"]
    by_class: dict[str, list[str]] = {name: [] for name in names}
    for example in desk.about["examples"]:
        by_class[example["label"]].append(str(desk.folder / example["file"]))
    shelf = {"all": [path for paths in by_class.values() for path in paths[:2]]}
    shelf |= {name: paths for name, paths in by_class.items() if paths}
    with gr.Row():
        gallery = gr.Gallery(
            shelf["all"], label="Click one to begin", columns=10, height=136, scale=4,
            allow_preview=False, elem_id="examples", object_fit="contain", buttons=[],
        )  # fmt: skip
        kind = gr.Dropdown(
            list(shelf), value="all", label="Show", elem_id="example-class", scale=1,
            min_width=110,
        )  # fmt: skip
    return shelf, kind, gallery
