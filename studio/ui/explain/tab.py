"""The Explain tab: from a picture to a counterfactual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from backends.regions.spec import RegionSpec
from studio.ui.explain.answer import AnswerColumn
from studio.ui.explain.interactive import PathPanel
from studio.ui.explain.picture_input import Pictures
from studio.ui.explain.region import Regions
from studio.ui.explain.region_prompts import Language
from studio.ui.shared import canvas, form, markup
from studio.ui.shared.controller import Desk, Factual, Shown
from studio.ui.shared.controllers import Desks
from studio.ui.shared.label_controller import LabelDesk
from studio.ui.shared.requests import owner_of, running, told

__all__ = ["Explain", "build"]


class Explain(NamedTuple):
    """What the page needs of the tab.

    :ivar question: the controls that make it up: picture, mask, how the mask was made, region,
        target.
    :ivar opened: updates for another bundle, or (second argument false) for the same with more
        parts.
    :ivar language: regions by words and clicks, whose ``fetch`` asks for what they lack.
    :ivar leave: forgets a closed page's owner.
    """

    question: list[Any]
    opened: Callable[..., dict[Any, Any]]
    language: Language
    leave: Callable[[str], None]


def build(
    desks: Desks, bundle: gr.Dropdown, labels: LabelDesk, person: gr.BrowserState,
    load: Callable[..., Any],
) -> Explain:  # fmt: skip
    """Lay out the tab inside the current Blocks and wire it to the desks; ``person`` is the
    browser's pseudonym, ``load`` the page's event of opening."""
    methods, able = desks.methods(), desks.first.methods()
    picture = gr.State(None)
    run_id = gr.State("")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            gr.Markdown("### 1 · Picture, and where it may change")
            pictures, regions = Pictures(desks, bundle), Regions(desks)
        with gr.Column(scale=4, min_width=280):
            gr.Markdown("### 2 · Question")
            prediction = gr.Label(
                label="The model says (click a class to ask for it)", num_top_classes=5,
                elem_id="prediction",
            )  # fmt: skip
            opinions = gr.HTML(elem_id="opinions")
            target = gr.Dropdown(
                [], label="What should it say instead?", elem_id="target", filterable=True,
                info="Sorted by the model's own ranking; type to search", allow_custom_value=True,
            )  # fmt: skip
            names = form.method_choices(able)
            first = names[0][1] if names else None
            method = gr.Radio(names, value=first, label="Method", elem_id="method")
            fold = form.Fold("method", desks.first.about["methods"])
            summary = gr.Markdown(methods[first]["summary"] if first else "")
            problems = gr.Accordion(**_problems(desks.first), open=False)
            with problems:
                reasons = gr.Markdown(_reasons(desks.first))
            importance = gr.Checkbox(
                False, label="Show which changes mattered (slower)", elem_id="importance"
            )
            me = gr.Checkbox(
                False, label="Ask me after each leap", elem_id="ask-me", interactive=True,
                info="You are the model: the leaps follow what you call each picture",
                visible=_by_labels(methods, first),
            )  # fmt: skip
            go = gr.Button("Run", variant="primary", elem_id="run")
            stop = gr.Button("Stop", variant="stop", elem_id="stop", visible=False)
            groups, settings, seed = _settings(methods, first)
        with gr.Column(scale=5, min_width=320):
            gr.Markdown("### 3 · Answer")
            path = PathPanel(desks, labels, person)
            answer = AnswerColumn(desks.first)
    path.wire(answer, bundle, load)

    def put(owner: str, desk: Desk, shown: Shown) -> dict[Any, Any]:
        seen = Factual(desk.bundle, shown.picture)
        desks.now(owner, seen)
        return regions.reset() | {
            picture: seen,
            regions.canvas: gr.update(scene=shown.scene),
            prediction: shown.prediction.probabilities, target: desk.ranked(shown),
            opinions: desk.people_say(shown),
        }  # fmt: skip

    pictures.wire(put, [picture, regions.canvas, prediction, opinions, target, *regions.reset()])
    regions.wire(picture, bundle, target)

    def ask_for(event: gr.SelectData, shown: dict[str, float]) -> Any:
        predicted = max(shown, key=shown.__getitem__)
        return gr.skip() if event.value == predicted else event.value

    prediction.select(ask_for, prediction, target, api_visibility="private")

    def describe(name: str | None) -> dict[Any, Any]:
        told = {groups[n]: gr.update(visible=n == name) for n in groups}
        if name is None:
            return told | {summary: "", me: gr.update(visible=False)}
        entry = methods[name]
        return told | {
            summary: entry["summary"], seed: gr.update(info=form.seed_info(entry)),
            me: gr.update(visible=_by_labels(methods, name)),
        }  # fmt: skip

    method.input(describe, method, [summary, seed, me, *groups.values()], api_visibility="private")

    def offer(which: str, wanted: str | None, name: str | None) -> dict[Any, Any]:
        """The methods that can explain the model which the target asks."""
        desk = desks[which]
        names = form.method_choices(desk.methods(wanted))
        able = [value for _, value in names]
        now = name if name in able else (able[0] if able else None)
        return describe(now) | {
            method: gr.update(choices=names, value=now),
            problems: gr.update(**_problems(desk, wanted)), reasons: _reasons(desk, wanted),
            **fold.opened(desk.entries(wanted)),
        }  # fmt: skip

    target.change(
        offer, [bundle, target, method],
        [method, problems, reasons, summary, seed, me, *fold.places, *groups.values()],
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip

    def opened(desk: Desk, fresh: bool = True) -> dict[Any, Any]:
        names = form.method_choices(desk.methods())
        first = names[0][1] if names else None
        shown = pictures.opened(desk, fresh) | regions.opened(desk, fresh) | describe(first)
        shown |= fold.opened(desk.about["methods"]) | {
            method: gr.update(choices=names, value=first),
            problems: gr.update(**_problems(desk)), reasons: _reasons(desk),
        }  # fmt: skip
        if fresh:
            shown |= {picture: None, prediction: None, opinions: ""}
            shown |= {
                setting: form.returned(desk.about["methods"][name]["schema"]["properties"][key])
                for (name, key), setting in settings.items()
                if "schema" in desk.about["methods"][name]
            }
            shown[target] = gr.update(choices=[], value=None)
        return shown

    async def explain(
        request: gr.Request, seen: Factual | None, painted: str, story: str, source: str,
        wanted: str, name: str, number: float | None, weighed: bool, person: str, asks: bool,
        *values: Any,
    ) -> AsyncIterator[dict[Any, Any]]:  # fmt: skip
        own = {
            key: value
            for (owner, key), value in zip(settings, values, strict=True)
            if owner == name
        }
        owner = owner_of(request)
        try:
            desk, region = desks.of(seen), RegionSpec.chosen(source, story)
            asked = await asyncio.to_thread(
                desk.request, seen.pixels, painted, region, wanted, name, own, number
            )
            asked = replace(asked, importance=weighed)
            if asks and _by_labels(methods, name):
                yield await path.begin(desk, asked, owner, person)
                return
            put_away = path.closed()
            async for run in desk.follow(asked, owner):
                shown = await asyncio.to_thread(answer.show, run)
                buttons = running(go, stop, not run.ended)
                yield shown | buttons | answer.earlier(owner) | {run_id: run.id} | put_away
                put_away = {}
        except Exception as error:  # whatever happened, the page must go on working
            failed = markup.failure(told(error, "the answer"))
            yield running(go, stop, False) | {answer.status: failed, answer.frame: ""}

    go.click(
        explain,
        [
            picture, regions.mask, regions.story, regions.source, target, method, seed,
            importance, path.person, me, *settings.values(),
        ],
        [*path.places, go, stop, run_id],
        js=canvas.READ_MASK, api_name="explain", show_progress="hidden", concurrency_limit=8,
    )  # fmt: skip

    def ask_to_stop(which: str) -> Any:
        run = desks.first.runs.get(which)
        if run is None or run.ended:
            return gr.skip()
        run.stop()
        return markup.stopping()

    stop.click(
        ask_to_stop, run_id, answer.status, queue=False, show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    question = [picture, regions.mask, regions.story, regions.source, target]
    return Explain(question, opened, regions.language, path.leave)


def _by_labels(methods: dict[str, dict[str, Any]], name: str | None) -> bool:
    """Whether a person can take the model's place: the method needs no more than labels."""
    return name is not None and not methods[name]["gradients"]


def _problems(desk: Desk, target: str | None = None) -> dict[str, Any]:
    count = len(desk.problems(target))
    return {"label": f"Not available here: {count}", "visible": count > 0}


def _reasons(desk: Desk, target: str | None = None) -> str:
    return "\n".join(f"- {problem}" for problem in desk.problems(target))


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
