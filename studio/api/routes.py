"""The studio over HTTP, without a session: ``POST /api/explain`` and its neighbours.

A question is a form with the picture as a file, or a JSON message with a data URL. The answer is
JSON; with ``Accept: application/zip`` the files of ``explain --out``; with ``Accept:
text/event-stream`` the frames as they come, then the answer. Errors are ``{"error": sentence}``.
"""

# Annotations are evaluated here: FastAPI reads those of functions within a function.
import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.routing import BaseRoute, Mount

from backends.core import Frame
from backends.errors import (
    BadInput,
    MissingPart,
    NotFound,
    OutOfMemory,
    StudioError,
    Unreachable,
)
from studio import export
from studio.api.files import decoded, urls_of, zip_of
from studio.api.messages import (
    About,
    ExplainMessage,
    ExplainReply,
    MethodEntry,
    PictureMessage,
    Predicted,
    RegionFound,
    RegionMessage,
    first_problem,
)
from studio.api.questions import Busy, Gone, ProgramQuestions
from studio.runs import Run

__all__ = ["routes"]

LONGEST = 40_000_000  # bytes of a message
FILES = ("image", "mask")
M = TypeVar("M", bound=PictureMessage)
STATUS: dict[type[Exception], int] = {
    BadInput: 400, NotFound: 404, MissingPart: 409, Busy: 429, Gone: 499, Unreachable: 503,
    OutOfMemory: 507, StudioError: 500,
}  # fmt: skip


def routes(questions: ProgramQuestions) -> list[BaseRoute]:
    """Routes under ``/api`` for a web application."""
    return [Mount("/api", app=_application(questions))]


def _application(questions: ProgramQuestions) -> FastAPI:
    # Without the documentation pages: they load their script from another host.
    app = FastAPI(title="Counterfactual Studio", docs_url=None, redoc_url=None)

    def owner(request: Request) -> str:
        # A question each: whoever asks twice at once is told so by their address.
        return f"api {request.client.host if request.client else ''}"

    Owner = Annotated[str, Depends(owner)]  # noqa: N806 - a type

    @app.post("/explain", response_model=ExplainReply, openapi_extra=_body(ExplainMessage))
    async def explain(request: Request, who: Owner) -> Response:
        """Ask what would make a model see another class."""
        question, files = await _message(request, ExplainMessage)
        image, mask = _image(question, files), files.get("mask")
        if mask is None and question.mask:
            mask = decoded(question.mask, "the mask")
        accepted = request.headers.get("accept", "")
        if "text/event-stream" in accepted:
            frames = _streamed(questions, question, image, mask, who)
            return StreamingResponse(frames, media_type="text/event-stream")
        left = False

        async def watch() -> None:
            nonlocal left
            while not await request.is_disconnected():
                await asyncio.sleep(0.5)
            left = True

        watcher = asyncio.create_task(watch())
        try:
            run = await questions.explain(question, image, mask, who, gone=lambda: left)
        finally:
            watcher.cancel()
        if "application/zip" in accepted:
            content = await asyncio.to_thread(zip_of, run)
            named = {"Content-Disposition": 'attachment; filename="answer.zip"'}
            return Response(content, media_type="application/zip", headers=named)
        return JSONResponse(await asyncio.to_thread(_explained, run))

    @app.post("/predict", openapi_extra=_body(PictureMessage))
    async def predict(request: Request, who: Owner) -> Predicted:
        """Ask what a model says of a picture."""
        asked, files = await _message(request, PictureMessage)
        return await questions.predict(asked, _image(asked, files), who)

    @app.post("/region", openapi_extra=_body(RegionMessage))
    async def region(request: Request, who: Owner) -> RegionFound:
        """Draw a region of a picture, such as where the model looks."""
        asked, files = await _message(request, RegionMessage)
        return await questions.region(asked, _image(asked, files), who)

    @app.get("/bundles")
    async def bundles(who: Owner) -> list[About]:
        """List the bundles that can be asked about."""
        return await questions.bundles(who)

    @app.get("/methods")
    async def methods(who: Owner, bundle: str = "") -> list[MethodEntry]:
        """List the methods, and why one cannot run in a bundle."""
        return await questions.methods(bundle, who)

    for kind, status in STATUS.items():
        app.add_exception_handler(kind, _problem(status))
    app.add_exception_handler(RequestValidationError, _problem(400))
    return app


def _explained(run: Run) -> dict[str, Any]:
    assert run.answer is not None
    return ExplainReply(record=run.answer.record, files=urls_of(run)).model_dump()


async def _streamed(
    questions: ProgramQuestions,
    question: ExplainMessage,
    image: bytes,
    mask: bytes | None,
    who: str,
) -> AsyncIterator[str]:
    """Server-sent events: ``frame`` with a small picture, then ``answer`` or ``error``."""
    frames: asyncio.Queue[Frame | None] = asyncio.Queue()
    work = asyncio.ensure_future(
        questions.explain(question, image, mask, who, on_frame=frames.put_nowait)
    )
    work.add_done_callback(lambda _: frames.put_nowait(None))
    try:
        while (frame := await frames.get()) is not None:
            yield _event("frame", {
                "index": frame.index, "total": frame.total, "phase": frame.phase,
                "target_probability": frame.target_probability, "seconds": frame.seconds,
                "picture": export.data_url(export.as_picture(frame.picture)),
            })  # fmt: skip
        try:
            run = work.result()
        except StudioError as error:
            yield _event("error", {"error": str(error)})
            return
        yield _event("answer", await asyncio.to_thread(_explained, run))
    finally:
        work.cancel()  # the asker may have left


def _event(name: str, content: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


async def _message(request: Request, kind: type[M]) -> tuple[M, dict[str, bytes]]:
    """A message of either form, and its files.

    :raises BadInput: it is too long, of another form, or a field cannot be as it is.
    """
    if int(request.headers.get("content-length") or 0) > LONGEST:
        raise BadInput(f"the message is too long; send at most {LONGEST // 1_000_000} MB")
    sent = request.headers.get("content-type", "")
    fields: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    try:
        if sent.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
            async with request.form(max_files=len(FILES), max_fields=20) as form:
                for name, value in form.multi_items():
                    if isinstance(value, UploadFile) and name in FILES:
                        files[name] = await value.read(LONGEST)
                    else:
                        fields[name] = value
            if "settings" in fields:
                fields["settings"] = json.loads(fields["settings"])
        else:
            fields = json.loads(await request.body())
    except ValueError as error:
        raise BadInput("the message cannot be read; send a form, or JSON") from error
    except Exception as error:  # whatever starlette's form parser raises
        if type(error).__name__ not in ("HTTPException", "MultiPartException"):
            raise
        raise BadInput("the form cannot be read; send it as multipart/form-data") from error
    try:
        return kind.model_validate(fields), files
    except ValidationError as error:
        raise BadInput(first_problem(error, kind)) from error


def _image(asked: PictureMessage, files: dict[str, bytes]) -> bytes:
    return files["image"] if "image" in files else decoded(asked.image, "the image")


def _body(kind: type[BaseModel]) -> dict[str, Any]:
    """The description of a message that is sent as a form or as JSON."""
    schema = kind.model_json_schema()
    forms = ("multipart/form-data", "application/json")
    return {"requestBody": {"required": True, "content": {f: {"schema": schema} for f in forms}}}


def _problem(status: int) -> Any:
    async def answer(request: Request, error: Exception) -> Response:
        told = str(error)
        if isinstance(error, RequestValidationError):
            told = str(error.errors()[0]["msg"])
        return JSONResponse({"error": told}, status)

    return answer
