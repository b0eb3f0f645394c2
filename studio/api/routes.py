"""The studio over HTTP, without a session: ``POST /api/explain`` and its neighbours.

A question is a form with the picture as a file, or a JSON message with a data URL. The answer is
JSON; with ``?as=zip`` or ``Accept: application/zip`` the files of ``explain --out``; with
``?as=events`` or ``Accept: text/event-stream`` the frames as they come, then the answer. Errors are
``{"error": sentence}``.
"""

# Annotations are evaluated here: FastAPI reads those of functions within a function.
import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from backends.core import Frame
from backends.files import unwritten
from studio.access.rights import name_of
from studio.api.files import decoded, frame_record, pictures_of, urls_of, zip_of
from studio.api.messages import (
    About,
    ExplainReply,
    MethodEntry,
    PictureMessage,
    Predicted,
    QuestionMessage,
    Queue,
    RegionFound,
    RegionMessage,
)
from studio.api.questions import Gone, ProgramQuestions
from studio.engines.owners import owner_at
from studio.export.formats import formats_in
from studio.runs import Run
from studio.runs.place import QueuePlace
from studio.web.messages import checked, documented, read
from studio.web.sentences import refusal, route

__all__ = ["routes"]

LONGEST = 40_000_000  # bytes of a message
FILES = ("image", "mask")
M = TypeVar("M", bound=PictureMessage)
STATUS: dict[type[Exception], int] = {Gone: 499}
ZIP, EVENTS = "application/zip", "text/event-stream"
REFUSED: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "What is wrong and what to do, in a sentence",
        "content": {"application/json": {"schema": {
            "type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"],
        }}},
    }
}  # fmt: skip
ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; as a zip of its files; or as events: `waiting` with the place "
        "in the queue, `frame` for every step, then `answer` or `error`",
        "content": {ZIP: {}, EVENTS: {}},
    }
}


def routes(questions: ProgramQuestions) -> list[BaseRoute]:
    """Routes under ``/api`` for a web application."""
    router = APIRouter(
        prefix="/api", tags=["explain"], route_class=route(LONGEST, statuses=STATUS),
        responses=REFUSED,
    )  # fmt: skip

    def owner(request: Request) -> str:
        # A question each: whoever asks much at once is told so by their address.
        # Where there are logins, by theirs.
        address = request.client.host if request.client else ""
        return owner_at("api", name_of(request) or address)

    def access_code(authorization: Annotated[str, Header()] = "") -> str:
        scheme, _, code = authorization.partition(" ")
        return code if scheme.lower() == "bearer" else ""

    Owner = Annotated[str, Depends(owner)]  # noqa: N806 - a type
    Code = Annotated[str, Depends(access_code)]  # noqa: N806 - a type
    Form = Annotated[  # noqa: N806 - a type
        Literal["json", "zip", "events"] | None,
        Query(alias="as", description="json, zip or events; else as the header Accept says"),
    ]

    @router.post(
        "/explain",
        response_model=ExplainReply,
        responses=ANSWERED,
        openapi_extra=documented(QuestionMessage),
    )
    async def explain(request: Request, who: Owner, code: Code, form: Form = None) -> Response:
        """Ask what would make a model see another class."""
        question, files = await _message(request, QuestionMessage)
        image, mask = _image(question, files), files.get("mask")
        if mask is None and question.mask:
            mask = decoded(question.mask, "the mask")
        further = formats_in(question.formats)
        accepted = request.headers.get("accept", "")
        form = form or ("events" if EVENTS in accepted else "zip" if ZIP in accepted else "json")
        async with _watched(request) as gone:
            if form == "events":
                news: asyncio.Queue[Frame | QueuePlace | None] = asyncio.Queue()
                put = news.put_nowait
                work = questions.explain(question, image, mask, who, put, gone, put, code)
                return await _streamed(asyncio.ensure_future(work), news, further)
            run = await questions.explain(question, image, mask, who, gone=gone, code=code)
        if form == "zip":
            content = await asyncio.to_thread(zip_of, run, further)
            named = {"Content-Disposition": 'attachment; filename="answer.zip"'}
            return Response(content, media_type=ZIP, headers=named)
        return JSONResponse(await asyncio.to_thread(_explained, run, further))

    @router.post("/predict", openapi_extra=documented(PictureMessage))
    async def predict(request: Request, who: Owner, code: Code) -> Predicted:
        """Ask what a model says of a picture."""
        asked, files = await _message(request, PictureMessage)
        return await questions.predict(asked, _image(asked, files), who, code)

    @router.post("/region", openapi_extra=documented(RegionMessage))
    async def region(request: Request, who: Owner, code: Code) -> RegionFound:
        """Draw a region of a picture, such as where the model looks."""
        asked, files = await _message(request, RegionMessage)
        return await questions.region(asked, _image(asked, files), who, code)

    @router.get("/bundles")
    async def bundles(who: Owner, code: Code) -> list[About]:
        """List the bundles that can be asked about."""
        return await questions.bundles(who, code)

    @router.get("/methods")
    async def methods(who: Owner, bundle: str = "") -> list[MethodEntry]:
        """List the methods, and why one cannot run in a bundle."""
        return await questions.methods(bundle, who)

    @router.get("/queue")
    async def queue(bundle: str = "", method: str = "leapfactual") -> Queue:
        """Say how many are served in turns, and how long a run would take now."""
        return questions.queue(bundle, method)

    return list(router.routes)


@asynccontextmanager
async def _watched(request: Request) -> AsyncIterator[Callable[[], bool]]:
    """Says, whenever it is called, whether the asker has left."""
    left = False

    async def watch() -> None:
        nonlocal left
        while not await request.is_disconnected():
            await asyncio.sleep(0.5)
        left = True

    watcher = asyncio.create_task(watch())
    try:
        yield lambda: left
    finally:
        watcher.cancel()


def _explained(run: Run, formats: Sequence[str]) -> dict[str, Any]:
    assert run.answer is not None
    try:
        files, problem = urls_of(run, formats), ""
    except OSError as error:  # an answer is not lost for want of a disk
        files, problem = pictures_of(run), unwritten("the answer's other files", error)
    return ExplainReply(record=run.answer.record, files=files, problem=problem).model_dump()


async def _streamed(
    work: asyncio.Future[Run],
    news: asyncio.Queue[Frame | QueuePlace | None],
    formats: Sequence[str],
) -> StreamingResponse:
    """Server-sent events: ``waiting`` with the place among all, ``frame`` with a small picture,
    then ``answer`` or ``error``.

    :raises StudioError: there is not even a first event, so that a status can still say so.
    """
    work.add_done_callback(lambda _: news.put_nowait(None))
    first = await news.get()
    if first is None:
        work.result()

    async def events() -> AsyncIterator[str]:
        told = first
        try:
            while told is not None:
                if isinstance(told, QueuePlace):
                    yield _event("waiting", asdict(told))
                else:
                    yield _event("frame", await asyncio.to_thread(frame_record, told))
                told = await news.get()
            try:
                run = work.result()
            except Exception as error:
                yield f"event: error\ndata: {bytes(refusal(error, STATUS).body).decode()}\n\n"
                return
            yield _event("answer", await asyncio.to_thread(_explained, run, formats))
        finally:
            work.cancel()  # the asker may have left

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events(), media_type=EVENTS, headers=headers)


def _event(name: str, content: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


async def _message(request: Request, kind: type[M]) -> tuple[M, dict[str, bytes]]:
    """A message, and its files.

    :raises BadInput: it cannot be read, or a field cannot be as it is.
    """
    fields, files, form = await read(request)
    others = {name: "a file" for name in files if name not in FILES}  # which no field is
    asked = checked(kind, fields | others, form=form)
    return asked, {name: file for name, file in files.items() if name in FILES}


def _image(asked: PictureMessage, files: dict[str, bytes]) -> bytes:
    return files["image"] if "image" in files else decoded(asked.image, "the image")
