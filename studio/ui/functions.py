"""What gradio's clients, and MCP, can call: the same typed questions as over HTTP."""

# Annotations are evaluated here: gradio describes its clients' calls by them.
import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import FileData
from gradio.processing_utils import save_bytes_to_cache

from backends.core import Frame
from studio.api.files import files_of, frame_record
from studio.api.messages import PictureMessage, QuestionMessage, RegionMessage
from studio.api.questions import ProgramQuestions
from studio.export.formats import formats_in
from studio.runs.place import QueuePlace
from studio.translation import ENGLISH
from studio.ui.shared.requests import owner_of, show_errors, uploaded
from studio.web.messages import checked

__all__ = ["offer"]


def offer(questions: ProgramQuestions, blocks: gr.Blocks) -> None:
    """Offer explain, predict, region, bundles and methods, inside the current Blocks.

    :param blocks: those; files for clients lie in their cache, which is emptied of old ones.
    """
    kept: set[str] = set()
    blocks.temp_file_sets.append(kept)

    def keep(content: bytes, name: str) -> FileData:
        path = save_bytes_to_cache(content, name, blocks.GRADIO_CACHE)
        kept.add(path)
        return FileData(path=path)

    async def explain(
        request: gr.Request,
        image: FileData,
        target: str,
        method: str = "leapfactual",
        region: str = "whole",
        mask: FileData | None = None,
        settings: dict[str, Any] | None = None,
        seed: int = 0,
        bundle: str = "",
        model: str = "classifier",
        formats: str = "",
    ) -> AsyncIterator[tuple[dict[str, Any], list[FileData]]]:
        """Ask what would have to be different in a picture for a model to say something else.

        Streams a record for each step, with its picture as a data URL; the last record is the
        answer's, with status, predictions and metrics, and comes with the files that the command
        line writes: counterfactual.png, difference.png, region.png and others.

        Args:
            image: the picture.
            target: the class that the model should say; of a regressor "more than 3.5".
            method: a name of the function methods.
            region: where change is allowed: whole, auto, box:X0,Y0,X1,Y1, text:WORDS.
            mask: instead of a region, a picture that is painted or white where change is allowed.
            settings: of the method.
            seed: the same answer for the same seed.
            bundle: a name of the function bundles; the first one if empty.
            model: which of the bundle's models is explained.
            formats: further files, with commas between: html,pdf,strip,mp4.
        """
        with show_errors(ENGLISH):
            question = checked(QuestionMessage, {
                "target": target, "method": method, "region": region, "settings": settings or {},
                "seed": seed, "bundle": bundle, "model": model, "formats": formats,
            })  # fmt: skip
            given, painted = _content(image), _content(mask) if mask else None
            async for item in _answered(
                questions, question, given, painted, owner_of(request), keep
            ):
                yield item

    async def predict(
        request: gr.Request, image: FileData, bundle: str = "", model: str = "classifier"
    ) -> dict[str, Any]:
        """Ask what a model says of a picture: label, probabilities, and the picture as it sees it.

        Args:
            image: the picture.
            bundle: a name of the function bundles; the first one if empty.
            model: which of the bundle's models is asked.
        """
        with show_errors(ENGLISH):
            asked = checked(PictureMessage, {"bundle": bundle, "model": model})
            return (await questions.predict(asked, _content(image), owner_of(request))).model_dump()

    async def region(
        request: gr.Request, image: FileData, region: str = "auto", bundle: str = "",
        model: str = "classifier",
    ) -> dict[str, Any]:  # fmt: skip
        """Draw a region of a picture, such as where the model looks: its area, and its mask as a
        data URL.

        Args:
            image: the picture.
            region: whole, auto, box:X0,Y0,X1,Y1, text:WORDS.
            bundle: a name of the function bundles; the first one if empty.
            model: which of the bundle's models is asked.
        """
        with show_errors(ENGLISH):
            asked = checked(RegionMessage, {"region": region, "bundle": bundle, "model": model})
            return (await questions.region(asked, _content(image), owner_of(request))).model_dump()

    async def bundles(request: gr.Request) -> list[dict[str, Any]]:
        """List the bundles that can be asked about, their classes, models and methods."""
        with show_errors(ENGLISH):
            return [about.model_dump() for about in await questions.bundles(owner_of(request))]

    async def methods(request: gr.Request, bundle: str = "") -> list[dict[str, Any]]:
        """List the methods with their settings, and why one cannot run in a bundle.

        Args:
            bundle: a name of the function bundles; the first one if empty.
        """
        with show_errors(ENGLISH):
            found = await questions.methods(bundle, owner_of(request))
            return [entry.model_dump() for entry in found]

    # Gradio describes what one item of a stream is.
    explain.__annotations__["return"] = tuple[dict[str, Any], list[FileData]]
    for function in (explain, predict, region, bundles, methods):
        gr.api(function, api_name=function.__name__, concurrency_limit=8)


def _content(file: Any) -> bytes:
    """What a client has uploaded.

    :raises BadInput: it is no file.
    """
    told = file.model_dump() if isinstance(file, FileData) else file
    return Path(uploaded(told)).read_bytes()


async def _answered(
    questions: ProgramQuestions, question: QuestionMessage, image: bytes, mask: bytes | None,
    owner: str, keep: Callable[[bytes, str], FileData],
) -> AsyncIterator[tuple[dict[str, Any], list[FileData]]]:  # fmt: skip
    """The newest frame whenever the client has taken one, then the answer."""
    further = formats_in(question.formats)
    newest: list[Frame | QueuePlace] = []
    news = asyncio.Event()

    def on_news(item: Frame | QueuePlace) -> None:
        newest[:] = [item]
        news.set()

    asked = questions.explain(question, image, mask, owner, on_news, on_place=on_news)
    work = asyncio.ensure_future(asked)
    work.add_done_callback(lambda _: news.set())
    try:
        while not work.done():
            await news.wait()
            news.clear()
            if newest and not work.done():
                item = newest.pop()
                if isinstance(item, QueuePlace):
                    yield {"status": "waiting"} | asdict(item), []
                else:
                    yield {"status": "running"} | frame_record(item), []
        run = work.result()
        assert run.answer is not None
        files = await asyncio.to_thread(files_of, run, further)
        yield run.answer.record, [keep(content, name) for name, content in files.items()]
    finally:
        work.cancel()  # the client may have left
