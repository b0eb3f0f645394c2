"""What the Explain tab's controls do, apart from how they are laid out."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from backends import imaging, jobs
from backends.core import Prediction, Request
from backends.errors import BadInput, StudioError
from studio import export
from studio.engines.core import Done, Event, Failed, Stepped, Stopped
from studio.runs import Run, Runs, TooMany
from studio.study import Study
from studio.ui import canvas, views

__all__ = ["Desk", "Shown"]

FRAME_GAP = 0.2  # seconds; five frames a second are enough for an eye and easy on a network


@dataclass(frozen=True)
class Shown:
    """What a chosen picture puts on the page; ``measured`` is what each regressor says of it."""

    picture: np.ndarray
    scene: str
    prediction: Prediction
    measured: dict[str, float]


@dataclass
class Desk:
    """One bundle at the counter: pictures come in, questions go to the engine, answers go out.

    :ivar results: folder for the answers' files.
    :ivar study: where people's choices between answers are kept.
    """

    bundle: str
    runs: Runs
    results: Path
    study: Study
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.about = jobs.about(self.bundle)
        self.runs.forget = self.forget

    @property
    def folder(self) -> Path:
        """Where the bundle lies."""
        return Path(self.about["folder"])

    def methods(self) -> dict[str, dict[str, Any]]:
        """Methods that can run here."""
        return {n: m for n, m in self.about["methods"].items() if m["problem"] is None}

    def problems(self) -> list[str]:
        """Why the others cannot."""
        methods = self.about["methods"].values()
        return [f"{m['title']}: {m['problem']}." for m in methods if m["problem"]]

    async def ask(self, owner: str, work: Callable[[], Any]) -> Any:
        """A quick job on the engine, which owns the device; raises what it raised."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()

        def settle(event: Event) -> None:
            if answer.done():
                return
            if isinstance(event, Stepped):
                answer.set_result(event.item)
            elif isinstance(event, Failed):
                answer.set_exception(StudioError(event.reason))
            elif isinstance(event, (Stopped, Done)):
                answer.set_exception(StudioError("the studio is closing; open it again"))

        def steps() -> Iterator[Any]:
            yield work()

        self.runs.engine.submit(
            steps, owner, lambda event: loop.call_soon_threadsafe(settle, event), quick=True
        )
        return await answer

    async def show(self, owner: str, source: Any) -> Shown:
        """Read a picture, turn it into what the model sees, ask the model about it."""

        def work() -> Shown:
            picture = jobs.prepare(self.bundle, imaging.read_picture(source))
            scene = canvas.scene(export.as_picture(picture))
            measured = {
                name: jobs.predict(self.bundle, picture, name).value for name in self._regressors()
            }
            return Shown(picture, scene, jobs.predict(self.bundle, picture), measured)

        return await self.ask(owner, work)

    async def propose(
        self, owner: str, picture: np.ndarray | None, target: str | None, settings: dict[str, Any]
    ) -> tuple[str, Image.Image]:
        """The region of the model that ``target`` asks, as a scene for the canvas, and the
        attribution behind it."""
        picture, (model, _) = self.need(picture), self._asked(target or "")
        found = await self.ask(owner, lambda: jobs.propose(self.bundle, picture, settings, model))
        heat = export.coloured(found.attribution, "inferno")
        return canvas.scene(mask=found.mask), export.enlarge(heat, 192)

    def need(self, picture: np.ndarray | None) -> np.ndarray:
        """The picture, or a sentence for who forgot it."""
        if picture is None:
            raise BadInput("choose, upload or draw a picture first")
        return picture

    def request(
        self,
        picture: np.ndarray | None,
        mask: str,
        region: str,
        target: str | None,
        method: str,
        settings: dict[str, Any],
        seed: float | None,
    ) -> Request:
        """What the controls ask for.

        :param mask: the canvas as a PNG data URL, empty when nothing is painted.
        :param region: ``whole``, or where the mask came from.
        :raises BadInput: something is missing.
        """
        picture = self.need(picture)
        if not target:
            raise BadInput("choose what the model should say instead")
        array = None
        if region != "whole" and (
            mask or region == "painted"
        ):  # an automatic region without a mask is proposed anew
            array = np.zeros(picture.shape[:2], np.uint8)
            if mask:
                array = imaging.read_mask(canvas.from_data_url(mask), picture.shape[1::-1])
            imaging.require_area(array)
        model, goal = self._asked(target)
        return Request(
            self.bundle,
            method,
            goal,
            picture,
            region,
            array,
            settings,
            int(seed or 0),
            model,
        )

    async def follow(self, request: Request, owner: str) -> AsyncIterator[Run]:
        """Start a run and come back whenever there is something new to show; the last time,
        it has ended. Leaving early stops it."""
        try:
            run = self.runs.start(request, owner)
        except TooMany as error:
            raise BadInput("your earlier runs are still going; stop one or wait") from error
        shown = 0.0
        try:
            # Most first frames are there in no time; "starting" would only delay them.
            async for frame in run.watch(first=0.15):
                if frame is None:
                    yield run
                elif time.monotonic() - shown >= FRAME_GAP:
                    shown = time.monotonic()
                    yield run
            yield run
        finally:
            run.stop()

    def archive(self, run: Run) -> str:
        """The answer's files, as the command line writes them, in a zip to download."""
        assert run.answer is not None
        path = self.results / f"counterfactual-{run.id}.zip"
        if not path.is_file():
            with tempfile.TemporaryDirectory(dir=self.results) as scratch:
                export.write(Path(scratch) / "answer", run.answer, run.frames)
                content = export.zipped(Path(scratch) / "answer")
            path.write_bytes(content)
        return str(path)

    def forget(self, run: Run) -> None:
        """Remove the files of a run that is no longer kept."""
        (self.results / f"counterfactual-{run.id}.zip").unlink(missing_ok=True)

    def _asked(self, target: str) -> tuple[str, str]:
        """Which model a target of the list asks, and for what."""
        model, _, goal = target.partition(":")
        return (model, goal.strip()) if model in self._regressors() else ("classifier", target)

    def _regressors(self) -> dict[str, dict[str, Any]]:
        """Models that give a number, and what it is."""
        return {name: entry for name, entry in self.about["models"].items() if entry}

    def ranked(self, shown: Shown) -> Any:
        """The target list, sorted by the model's own ranking, with the runner-up chosen; after
        the classes what the regressors can be asked for, as ``name: more than value``."""
        rows = list(shown.prediction.probabilities.items())[1:]
        choices = [(f"{name}  ({p:.1%})", name) for name, p in rows]
        for name, entry in self._regressors().items():
            now = shown.measured[name]
            for value in entry["suggested"]:
                goal = f"{'more' if value > now else 'less'} than {value:g}"
                label = f"{entry['title']}: {goal} {entry['unit']}  (now {now:.1f})"
                choices.append((label, f"{name}: {goal}"))
        return gr.update(choices=choices, value=rows[0][0])

    @staticmethod
    def frame(run: Run) -> str:
        """The newest frame as a data URL."""
        return canvas.preview(export.as_picture(run.frames[-1].picture), 512)

    @staticmethod
    def pictures(run: Run) -> tuple[str, str]:
        """The answer's two panels of markup: before and after, and the differences."""
        assert run.answer is not None
        url, answer = canvas.data_url, run.answer
        pair = (export.as_picture(array) for array in (answer.factual, answer.counterfactual))
        heat = [export.absolute_difference(answer), export.signed_difference(answer)]
        if answer.importance is not None:
            heat.append(export.important_changes(answer.importance))
        return views.before_after(*map(url, pair)), views.differences(*map(url, heat))
