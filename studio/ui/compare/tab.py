"""The Compare tab: one question, several methods and seeds, side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from backends.core import Request
from backends.errors import StudioError
from backends.regions.spec import RegionSpec
from studio import export
from studio.runs.comparison import MOST, NONE, Comparison, questions, seeds_of
from studio.runs.comparisons import Comparisons
from studio.ui.compare import markup as columns
from studio.ui.shared import canvas, form, markup
from studio.ui.shared.controller import Desk, Factual
from studio.ui.shared.controllers import Desks
from studio.ui.shared.requests import owner_of, running, sentence, sentences, told

__all__ = ["Compare", "build"]

HERE = Path(__file__).parents[1] / "static"
TINT = (255, 150, 0)  # of the region, as on the canvas
FIRST = "Choose a picture and what the model should say in the Explain tab; then come back."


class Compare(NamedTuple):
    """What the page needs of the tab: its comparisons, and updates for another bundle."""

    comparisons: Comparisons
    opened: Callable[[Desk], dict[Any, Any]]


def build(desks: Desks, asked: Sequence[Any], tabs: gr.Tabs, tab: gr.Tab) -> Compare:
    """Lay out the tab inside the current Blocks and wire it to the desks.

    :param asked: the Explain tab's controls that make up the question: picture, mask, how the
        mask was made, region, target.
    """
    desk = desks.first
    comparisons = Comparisons(desk.runs, desk.results, desk.study)
    methods = desks.methods()
    titles = {name: entry["title"] for name, entry in methods.items()}
    which = gr.State("")
    with gr.Row():
        with gr.Column(scale=4, min_width=280):
            gr.Markdown("### 1 · Question")
            question = gr.HTML(markup.hint(FIRST), elem_id="compare-question")
            change = gr.Button(
                "Change the question in the Explain tab", size="sm", elem_id="compare-change"
            )
        with gr.Column(scale=6, min_width=320):
            gr.Markdown("### 2 · Methods and seeds")
            names = gr.CheckboxGroup(
                **_offered(desk), label="Methods", elem_id="compare-methods",
                info="Each runs with its default settings; the Explain tab has them all",
            )  # fmt: skip
            seeds = gr.Textbox(
                "0", label="Seeds", elem_id="compare-seeds", max_lines=1,
                info=f"0, or 0,1,2, or 0-3: each method runs once a seed, at most {MOST} runs",
            )  # fmt: skip
            go = gr.Button("Compare", variant="primary", elem_id="compare-run")
            stop = gr.Button("Stop", variant="stop", elem_id="compare-stop", visible=False)
    status = gr.HTML(elem_id="compare-status")
    with gr.Row(elem_id="compare-columns"):
        first = gr.HTML(visible=False, elem_classes="column")
        places = [gr.HTML(visible=False, elem_classes="column") for _ in range(MOST)]
    table = gr.HTML(elem_id="compare-table", js_on_load=(HERE / "sort.js").read_text())
    choice = gr.Radio(
        [], label="Which one convinces you?", elem_id="convincing", visible=False,
        info="Kept with these answers, in the zip and, without your name, for the study",
    )  # fmt: skip
    chosen = gr.HTML(elem_id="convincing-status")
    download = gr.DownloadButton(
        "Download the comparison (zip)", elem_id="compare-download", visible=False
    )

    def ask(seen: Factual | None, painted: str, story: str, source: str, wanted: str) -> Request:
        desk, region = desks.of(seen), RegionSpec.chosen(source, story)
        name = next(iter(desk.methods()), "")
        return desk.request(seen.pixels, painted, region, wanted, name, {}, 0)

    def opened(desk: Desk) -> dict[Any, Any]:
        return {names: gr.update(**_offered(desk)), question: markup.hint(FIRST)}

    def put_question(*values: Any) -> str:
        try:
            return _question(ask(*values))
        except StudioError as error:
            return markup.hint(FIRST if values[0] is None else sentence(error))

    tab.select(
        put_question, asked, question, js=canvas.READ_MASK, queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    change.click(
        lambda: gr.Tabs(selected="explain"), None, tabs, queue=False, api_visibility="private"
    )

    def begin(comparison: Comparison) -> dict[Any, Any]:
        asked = comparison.requests[0]
        shown: dict[Any, Any] = {
            place: gr.HTML("", visible=False) for place in places[len(comparison.requests) :]
        }
        for place, request in zip(places, comparison.requests, strict=False):
            content = columns.waiting(titles[request.method], request.seed)
            shown[place] = gr.HTML(content, visible=True)
        picture = _small(export.as_picture(asked.picture))
        return shown | running(go, stop, True) | {
            which: comparison.id, question: _question(asked),
            first: gr.HTML(columns.factual(picture), visible=True),
            table: "", chosen: "", choice: gr.update(visible=False),
            download: gr.update(visible=False),
        }  # fmt: skip

    def filled(comparison: Comparison) -> dict[Any, Any]:
        """Every column in its present state."""
        used = places[: len(comparison.requests)]
        return {place: _column(comparison, i, titles) for i, place in enumerate(used)}

    def end(comparison: Comparison) -> dict[Any, Any]:
        """Every column as it ended, the table, and what to do with them."""
        rows, answered = comparison.rows(), comparison.answered
        shown = filled(comparison) | running(go, stop, False)
        options = [(_name(run.request, titles), run.id) for run in answered]
        if answered and answered[0].answer:
            picture = _small(export.as_picture(comparison.requests[0].picture))
            label = answered[0].answer.record["factual"]["label"]
            shown[first] = columns.factual(picture, label)
        return shown | {
            status: columns.summary(rows, comparison.requests[0].target),
            table: columns.table(
                [*rows, *comparison.alternatives()], titles, desk.about["metrics"]
            ),
            choice: gr.update(
                choices=[*options, ("None of them", NONE)], value=None, visible=bool(options)
            ),
            download: gr.update(value=comparisons.archive(comparison), visible=True),
        }  # fmt: skip

    async def compare(
        request: gr.Request, seen: Any, painted: str, story: str, source: str, wanted: str,
        picked: list[str], numbers: str,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        start = time.monotonic()
        try:
            one = await asyncio.to_thread(ask, seen, painted, story, source, wanted)
            ordered = [name for _, name in form.method_choices(methods) if name in picked]
            comparison = comparisons.open(
                owner_of(request), questions(one, ordered, seeds_of(numbers))
            )
            yield (await asyncio.to_thread(begin, comparison)) | {status: markup.waiting(0)}
            count = len(comparison.requests)
            async with aclosing(comparisons.follow(comparison)) as news:
                async for i in news:
                    name = _name(comparison.requests[i], titles)
                    seconds = time.monotonic() - start
                    yield {
                        places[i]: await asyncio.to_thread(_column, comparison, i, titles),
                        status: columns.progress(i, count, name, seconds),
                    }
            yield await asyncio.to_thread(end, comparison)
        except Exception as error:  # whatever happened, the page must go on working
            failed = markup.failure(told(error, "the comparison"))
            yield running(go, stop, False) | {status: failed}

    noted = f"Noted, also in the study’s {desk.study.file.name}. You may change your mind."

    go.click(
        compare, [*asked, names, seeds],
        [question, which, status, first, *places, table, choice, chosen, download, go, stop],
        js=canvas.READ_MASK, api_name="compare", show_progress="hidden", concurrency_limit=8,
    )  # fmt: skip

    def ask_to_stop(shown: str, request: gr.Request) -> Any:
        with sentences():
            comparisons.get(shown, owner_of(request)).stop()
        return markup.stopping()

    stop.click(
        ask_to_stop, which, status, queue=False, show_progress="hidden", api_visibility="private"
    )

    def choose(said: str, shown: str, request: gr.Request) -> dict[Any, Any]:
        with sentences():
            comparison = comparisons.get(shown, owner_of(request))
        try:
            comparisons.choose(comparison, said)
            heard = markup.line("flipped", noted)
        except StudioError as error:
            heard = markup.failure(str(error))
        return filled(comparison) | {
            chosen: heard,
            download: comparisons.archive(comparison),
        }

    choice.input(
        choose, [choice, which], [*places, chosen, download], show_progress="hidden",
        trigger_mode="always_last",  # a choice while the last one is noted counts too
        api_visibility="private",
    )  # fmt: skip
    return Compare(comparisons, opened)


def _offered(desk: Desk) -> dict[str, Any]:
    """The methods that can run, and which of them are ticked at first."""
    methods = desk.methods()
    folded = form.folded(desk.about["methods"])
    return {
        "choices": form.method_choices(methods), "value": [n for n in methods if n not in folded]
    }  # fmt: skip


def _name(request: Request, titles: dict[str, str]) -> str:
    return f"{titles[request.method]}, seed {request.seed}"


def _small(picture: Image.Image) -> str:
    return canvas.preview(picture, 320)


def _question(asked: Request) -> str:
    """The factual with its region, and what is asked."""
    picture = export.as_picture(asked.picture).convert("RGB")
    where = RegionSpec.parse(asked.region, given=True).describe()
    if asked.mask is not None:
        mask = Image.fromarray(((asked.mask > 0) * 115).astype("uint8"))
        picture.paste(Image.new("RGB", picture.size, TINT), mask=mask)
        where += f", {(asked.mask > 0).mean():.1%} of the picture"
    return columns.question(_small(picture), asked.target, where)


def _column(comparison: Comparison, i: int, titles: dict[str, str]) -> str:
    """A run's column in its present state."""
    request, run = comparison.requests[i], comparison.runs[i]
    title, seed = titles[request.method], request.seed
    if run is None:
        if comparison.ended:
            return columns.unanswered(title, seed, "not_started", "stopped before its turn")
        return columns.waiting(title, seed)
    if run.answer and run.ended:
        picture = _small(export.as_picture(run.answer.counterfactual))
        heat = _small(export.absolute_difference(run.answer))
        row = comparison.rows()[i]
        chosen = comparison.choice == run.id
        others = [
            (_small(export.as_picture(other.counterfactual)), its)
            for other, its in zip(
                run.answer.alternatives.values(), comparison.alternatives(run), strict=True
            )
        ]  # fmt: skip
        return columns.answered(title, seed, picture, heat, row, others, chosen=chosen)
    if run.ended:
        return columns.unanswered(title, seed, run.state, run.reason)
    if not run.frames:
        return columns.going(title, seed, None)
    frame = run.frames[-1]
    picture = _small(export.as_picture(frame.picture))
    return columns.going(title, seed, picture, frame.index, frame.total, frame.target_probability)
