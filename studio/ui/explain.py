"""The Explain tab: from a picture to a counterfactual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import gradio as gr

from backends.errors import StudioError
from backends.regions.settings import AutoRegion
from studio.runs import Run
from studio.ui import canvas, form, views
from studio.ui.desk import Desk, Shown
from studio.ui.edge import owner_of, running, sentence, sentences, told, uploaded

__all__ = ["build"]

REGIONS = [
    ("Whole picture", "whole"),
    ("Where I paint", "painted"),
    ("Where the model looks", "auto"),
]
READ_SKETCH = "() => [window.sketch.picture()]"


def build(desk: Desk) -> list[Any]:
    """Lay out the tab inside the current Blocks and wire it to the desk.

    Returns the controls that make up the question: picture, mask, region, target, and how the
    region was proposed.
    """
    methods = desk.methods()
    picture = gr.State(None)
    run_id = gr.State("")
    proposed = gr.State("auto")  # how the mask on the canvas was proposed, for the record
    mask = gr.Textbox(visible=False, label="Mask (PNG data URL)")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            gr.Markdown("### 1 · Picture, and where it may change")
            with gr.Tabs():
                with gr.Tab("Examples"):
                    shelf, kind, gallery = _examples(desk)
                with gr.Tab("Upload"):
                    upload = gr.Image(
                        label="Upload, paste or photograph", height=190, format="png",
                        sources=["upload", "clipboard", "webcam"], elem_id="upload",
                    )  # fmt: skip
                with gr.Tab("Draw"):
                    canvas.sketch_board("sketch")
                    use_drawing = gr.Button("Use this drawing", elem_id="use-drawing")
                    drawing = gr.Textbox(visible=False, label="Drawing (PNG data URL)")
            region = gr.Radio(
                REGIONS, value="whole", label="Where change is allowed", elem_id="region-source"
            )
            factual = canvas.region_canvas("factual")
            with gr.Accordion("Let the model propose a region", open=False):
                region_form = form.controls(AutoRegion.model_json_schema())
                propose = gr.Button("Propose", elem_id="propose")
                preview = gr.Image(
                    label="What mattered to the model", format="png", interactive=False,
                    height=200, visible=False, elem_id="region-preview", buttons=[],
                )  # fmt: skip
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
            status = gr.HTML(
                views.hint("Choose a picture, choose what the model should say, then press Run."),
                elem_id="status",
            )
            frame = gr.HTML(elem_id="frame")
            counterfactual = gr.HTML(elem_id="counterfactual")
            plot = gr.HTML(elem_id="trajectory-plot")
            difference = gr.HTML(elem_id="difference")
            metrics = gr.HTML(elem_id="metrics")
            download = gr.DownloadButton(
                "Download everything (zip)", elem_id="download", visible=False
            )
            history = gr.Dropdown(
                [], label="Earlier answers on this page", elem_id="history", visible=False
            )

    chosen = [picture, factual, prediction, target, region, preview]
    answer = [frame, counterfactual, plot, status, difference, metrics, download, go, stop]

    def put(shown: Shown) -> tuple[Any, ...]:
        return (
            shown.picture, gr.HTML(scene=shown.scene), shown.prediction.probabilities,
            desk.ranked(shown), "whole", gr.update(visible=False),
        )  # fmt: skip

    async def predict(file: dict[str, Any] | None, request: gr.Request) -> tuple[Any, ...]:
        if file is None:
            return tuple(gr.skip() for _ in chosen)
        with sentences():
            return put(await desk.show(owner_of(request), uploaded(file)))

    async def pick_example(
        digit: str, event: gr.SelectData, request: gr.Request
    ) -> tuple[Any, ...]:
        with sentences():
            return put(await desk.show(owner_of(request), shelf[digit][event.index]))

    async def take_drawing(url: str, request: gr.Request) -> tuple[Any, ...]:
        with sentences():
            return put(await desk.show(owner_of(request), canvas.from_data_url(url)))

    # preprocess=False: our own reader explains what is wrong with a file; gradio's would not.
    upload.input(predict, upload, chosen, api_name="predict", preprocess=False)
    gallery.select(pick_example, kind, chosen, api_visibility="private")
    kind.input(
        lambda digit: gr.Gallery(shelf[digit], selected_index=None), kind, gallery,
        api_visibility="private",
    )  # fmt: skip
    use_drawing.click(take_drawing, drawing, chosen, js=READ_SKETCH, api_visibility="private")

    def ask_for(event: gr.SelectData, shown: dict[str, float]) -> Any:
        predicted = max(shown, key=shown.__getitem__)
        return gr.skip() if event.value == predicted else event.value

    prediction.select(ask_for, prediction, target, api_visibility="private")

    # Gradio fills in a request only ahead of starred parameters.
    async def propose_region(
        request: gr.Request, seen: Any, wanted: str | None, *values: Any
    ) -> tuple[Any, ...]:
        asked = dict(zip(region_form, values, strict=True))
        try:
            scene, heat = await desk.propose(owner_of(request), seen, wanted, asked)
        except StudioError as error:
            gr.Warning(sentence(error), duration=12)
            return gr.skip(), "whole", gr.skip(), gr.skip()
        source = "auto:" + ",".join(f"{key}={value}" for key, value in asked.items())
        return gr.HTML(scene=scene), "auto", gr.update(value=heat, visible=True), source

    proposal = [factual, region, preview, proposed]
    propose.click(
        propose_region, [picture, target, *region_form.values()], proposal, api_name="region"
    )

    async def region_chosen(
        request: gr.Request, source: str, seen: Any, wanted: str | None, *values: Any
    ) -> tuple[Any, ...]:
        if source != "auto":
            return tuple(gr.skip() for _ in proposal)
        return await propose_region(request, seen, wanted, *values)

    region.input(
        region_chosen, [region, picture, target, *region_form.values()], proposal,
        api_visibility="private",
    )  # fmt: skip
    factual.painted(None, None, region, js="() => 'painted'", api_visibility="private")

    def describe(name: str) -> list[Any]:
        entry = methods[name]
        shown = [gr.update(visible=n == name) for n in groups]
        return [entry["summary"], gr.update(info=form.seed_info(entry)), *shown]

    method.input(describe, method, [summary, seed, *groups.values()], api_visibility="private")

    def show(run: Run) -> dict[Any, Any]:
        """Everything on the right-hand side for the run's present state."""
        asked, going = run.request, not run.ended
        probabilities = [f.target_probability for f in run.frames]
        total = run.frames[-1].total if run.frames else 1
        shown = running(go, stop, going) | {
            plot: views.curve(probabilities, total, asked.target) if run.frames else "",
        }
        if run.frames and going:
            last = run.frames[-1]
            shown[frame] = views.frame(desk.frame(run))
            shown[status] = views.progress_line(
                last.index, last.total, last.phase, last.seconds, last.target_probability,
                asked.target,
            )  # fmt: skip
        elif going:
            shown[status] = views.waiting(run.ahead)
        if going:
            shown |= {counterfactual: "", difference: "", metrics: "",
                      download: gr.update(visible=False)}  # fmt: skip
        elif run.answer:
            pair, heat = desk.pictures(run)
            shown |= {
                frame: "",
                counterfactual: pair,
                difference: heat,
                metrics: views.metrics_table(run.answer.record, desk.about["metrics"]),
                status: views.answer_line(run.answer.record),
                download: gr.update(value=desk.archive(run), visible=True),
            }
        else:
            reason = run.reason or "stopped before the first step"
            shown |= {frame: "", status: views.failure(reason)}
        return shown

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
                yield (await asyncio.to_thread(show, run)) | {
                    run_id: run.id,
                    history: _history(desk, owner),
                }
        except Exception as error:  # whatever happened, the page must go on working
            failed = views.failure(told(error, "the answer"))
            yield running(go, stop, False) | {status: failed, frame: ""}

    go.click(
        explain,
        [picture, mask, region, target, method, seed, proposed, importance, *settings.values()],
        [*answer, run_id, history],
        js=canvas.READ_MASK, api_name="explain", show_progress="hidden", concurrency_limit=8,
    )  # fmt: skip

    def ask_to_stop(which: str) -> Any:
        run = desk.runs.get(which)
        if run is None or run.ended:
            return gr.skip()
        run.stop()
        return views.stopping()

    stop.click(
        ask_to_stop, run_id, status, queue=False, show_progress="hidden", api_visibility="private"
    )

    def reopen(which: str) -> dict[Any, Any]:
        run = desk.runs.get(which)
        if run is None:
            return {status: views.failure("that answer is no longer kept")}
        return {key: value for key, value in show(run).items() if key not in (go, stop)}

    history.input(reopen, history, answer[:-2], show_progress="hidden", api_visibility="private")
    return [picture, mask, region, target, proposed]


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


def _history(desk: Desk, owner: str) -> Any:
    """This page's ended runs, newest first."""
    rows = [
        (
            f"{n}. {run.request.method} to {run.request.target}: {run.answer.record['status']}",
            run.id,
        )
        for n, run in enumerate(desk.runs.of(owner), start=1)
        if run.answer
    ]
    return gr.update(choices=rows[::-1], visible=len(rows) > 1, value=None)
