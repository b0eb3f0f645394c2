"""The Explain tab: from a picture to a counterfactual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import gradio as gr

from studio.ui import canvas, form, views
from studio.ui.answer import AnswerColumn
from studio.ui.desk import Desk, Shown
from studio.ui.edge import owner_of, running, told
from studio.ui.pictures import Pictures
from studio.ui.regions import Regions

__all__ = ["build"]


def build(desk: Desk) -> list[Any]:
    """Lay out the tab inside the current Blocks and wire it to the desk.

    Returns the controls that make up the question: picture, mask, region, target, and how the
    region was proposed.
    """
    methods = desk.methods()
    picture = gr.State(None)
    run_id = gr.State("")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            gr.Markdown("### 1 · Picture, and where it may change")
            pictures, regions = Pictures(desk), Regions(desk)
        with gr.Column(scale=4, min_width=280):
            gr.Markdown("### 2 · Question")
            prediction = gr.Label(
                label="The model says (click a class to ask for it)", num_top_classes=5,
                elem_id="prediction",
            )  # fmt: skip
            target = gr.Dropdown(
                [], label="What should it say instead?", elem_id="target", filterable=True,
                info="Sorted by the model's own ranking; type to search", allow_custom_value=True,
            )  # fmt: skip
            names = form.method_choices(methods)
            first = names[0][1] if names else None
            method = gr.Radio(names, value=first, label="Method", elem_id="method")
            form.unfold("method", methods)
            summary = gr.Markdown(methods[first]["summary"] if first else "")
            if desk.problems():
                with gr.Accordion(f"Not available here: {len(desk.problems())}", open=False):
                    gr.Markdown("\n".join(f"- {problem}" for problem in desk.problems()))
            importance = gr.Checkbox(
                False, label="Show which changes mattered (slower)", elem_id="importance"
            )
            go = gr.Button("Run", variant="primary", elem_id="run")
            stop = gr.Button("Stop", variant="stop", elem_id="stop", visible=False)
            groups, settings, seed = _settings(methods, first)
        with gr.Column(scale=5, min_width=320):
            gr.Markdown("### 3 · Answer")
            answer = AnswerColumn(desk)

    def put(shown: Shown) -> tuple[Any, ...]:
        return (
            shown.picture, gr.HTML(scene=shown.scene), shown.prediction.probabilities,
            desk.ranked(shown), "whole", gr.update(visible=False),
        )  # fmt: skip

    pictures.wire(
        put, [picture, regions.canvas, prediction, target, regions.source, regions.preview]
    )
    regions.wire(picture, target)

    def ask_for(event: gr.SelectData, shown: dict[str, float]) -> Any:
        predicted = max(shown, key=shown.__getitem__)
        return gr.skip() if event.value == predicted else event.value

    prediction.select(ask_for, prediction, target, api_visibility="private")

    def describe(name: str) -> list[Any]:
        entry = methods[name]
        shown = [gr.update(visible=n == name) for n in groups]
        return [entry["summary"], gr.update(info=form.seed_info(entry)), *shown]

    method.input(describe, method, [summary, seed, *groups.values()], api_visibility="private")

    async def explain(
        request: gr.Request, seen: Any, painted: str, source: str, wanted: str, name: str,
        number: float | None, proposal_source: str, weighed: bool, *values: Any,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        own = {
            key: value
            for (owner, key), value in zip(settings, values, strict=True)
            if owner == name
        }
        source = proposal_source if source == "auto" else source
        owner = owner_of(request)
        try:
            asked = await asyncio.to_thread(
                desk.request, seen, painted, source, wanted, name, own, number
            )
            asked = replace(asked, importance=weighed)
            async for run in desk.follow(asked, owner):
                shown = await asyncio.to_thread(answer.show, run)
                buttons = running(go, stop, not run.ended)
                yield shown | buttons | answer.earlier(owner) | {run_id: run.id}
        except Exception as error:  # whatever happened, the page must go on working
            failed = views.failure(told(error, "the answer"))
            yield running(go, stop, False) | {answer.status: failed, answer.frame: ""}

    go.click(
        explain,
        [
            picture, regions.mask, regions.source, target, method, seed, regions.proposed,
            importance, *settings.values(),
        ],
        [*answer.places, go, stop, run_id, answer.history],
        js=canvas.READ_MASK, api_name="explain", show_progress="hidden", concurrency_limit=8,
    )  # fmt: skip

    def ask_to_stop(which: str) -> Any:
        run = desk.runs.get(which)
        if run is None or run.ended:
            return gr.skip()
        run.stop()
        return views.stopping()

    stop.click(
        ask_to_stop, run_id, answer.status, queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    return [picture, regions.mask, regions.source, target, regions.proposed]


def _settings(
    methods: dict[str, dict[str, Any]], first: str | None
) -> tuple[dict[str, gr.Group], dict[tuple[str, str], Any], gr.Number]:
    """One group of controls a method, made from its Config, of which only the chosen one is
    visible; and the seed."""
    groups, settings = {}, {}
    with gr.Accordion("Settings of the method", open=False):
        for name, entry in methods.items():
            with gr.Group(visible=name == first) as groups[name]:
                gr.Markdown(f"Source: {entry['paper']}", padding=True)
                for key, component in form.controls(entry["schema"]).items():
                    settings[name, key] = component
        seed = gr.Number(
            0, label="Seed", precision=0, minimum=0, elem_id="seed",
            info=form.seed_info(methods[first]) if first else None,
        )  # fmt: skip
    return groups, settings, seed
