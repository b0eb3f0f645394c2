"""Managing a project over HTTP: make it, fill it, export its labels, retrain. All but making one
takes its administrator's access code."""

# Annotations are evaluated here: FastAPI reads those of functions within a function.
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import FormData, UploadFile

from backends.errors import BadInput, NotFound, TooMuch
from backends.sentences import Sentence
from backends.training.retrain_settings import Learning, Learnt
from studio.access import MEMBERS, AccessPolicy
from studio.access.rights import name_of
from studio.engines.core import Engine
from studio.engines.owners import owner_at
from studio.labels import exchange
from studio.labels.store import projects
from studio.labels.store.database import Database
from studio.labels.store.records import Annotator, Project, Setup
from studio.labels.store.texts import Line, storable_name
from studio.labels.tasks import add_pictures
from studio.labels.tasks import retrain as training
from studio.runs.background_tasks import BackgroundTasks
from studio.web.messages import form_of

__all__ = ["Management", "task_name"]

PREFIX = "/manage"
UPLOADS, WAIT = 2, 10.0  # of a login or an address that go on at once; seconds until the next try
FILES = "files"  # the field of a form with them
FORM: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
        "type": "object", "required": [FILES], "properties": {
            FILES: {"type": "array", "items": {"type": "string", "format": "binary"}},
        },
    }}}},
}  # fmt: skip
LONGEST_FILE_NAME = 200  # bytes, of the 255 that most disks allow
NAMED = 20  # refusals that are told
ENDINGS = {"csv": "csv", "jsonl": "jsonl", "label-studio": "json", "datasets": "zip"}


class New(BaseModel):
    """A new project and who administers it."""

    model_config = ConfigDict(extra="forbid")

    project: dict[str, Any] = Field(description="Its settings: name, bundle, classes, question ...")
    administrator: Line = "me"


class ProjectMade(BaseModel):
    """A project that was made; the code is told only now."""

    project: str
    administrator: str
    code: str


class PicturesAdded(BaseModel):
    """Pictures that were sent: how many could be read, how many are new, what was refused."""

    seen: int
    new: int
    refused: list[str]


class Retrain(BaseModel):
    """What to train from which labels."""

    model_config = ConfigDict(extra="forbid")

    name: Line = Field("", description="Of the model; the project's unless given")
    rule: Line = Field("majority", description="majority, soft, weighted, suggestions:SCORE ...")
    settings: dict[str, Any] = Field(default_factory=dict, description="Of the training")


class Share(BaseModel):
    """Whether everybody is offered a model of the project's, or its administrators alone."""

    model_config = ConfigDict(extra="forbid")

    model: Line
    shared: bool = True


class ModelEntry(BaseModel):
    """A model that was trained on the project's labels."""

    name: str
    shared: bool
    counts: dict[str, int] = Field(description="Labels by class")


class State(BaseModel):
    """How a training stands: ``state`` is idle, going, done, stopped or failed."""

    state: str
    reason: str = ""
    share: float = 0.0
    learnt: dict[str, Any] | None = None


def task_name(project: str) -> str:
    """What the project's training is called among the background tasks."""
    return f"retrain {project}"


@dataclass(frozen=True)
class Management:
    """What managing needs beside the store.

    :ivar engine: prepares pictures.
    :ivar tasks: where trainings go on; shared with the page.
    :ivar bundles: names of those whose pictures may be labelled.
    :ivar access: who may make projects and train models.
    """

    engine: Engine
    tasks: BackgroundTasks
    bundles: Callable[[], list[str]]
    access: AccessPolicy = MEMBERS
    _uploads: Counter[str] = field(default_factory=Counter)

    def router(
        self, opened: Callable[[], Database], person: Callable[..., Annotator],
        short: type[APIRoute], long: type[APIRoute],
    ) -> APIRouter:  # fmt: skip
        """Make the routes.

        :param opened: gives the label store.
        :param person: whose access code the call carries.
        :param short: the class of routes for messages.
        :param long: the class of routes for pictures.
        """
        router, tasks = APIRouter(prefix=PREFIX, route_class=short), self.tasks
        filling = APIRouter(route_class=long)
        Store = Annotated[Database, Depends(opened)]  # noqa: N806 - a type

        def administered(store: Store, who: Annotated[Annotator, Depends(person)]) -> Project:
            if not who.administers:
                raise BadInput(
                    "{name} does not administer this project; use the administrator's access code",
                    name=who.name,
                )
            return projects.of(store, who)

        Administered = Annotated[Project, Depends(administered)]  # noqa: N806 - a type

        def maker(request: Request) -> None:
            self.access.require("projects", request)

        def trainer(request: Request) -> None:
            self.access.require("training", request)

        @router.post("/projects", dependencies=[Depends(maker)])
        def create(store: Store, message: New, request: Request) -> ProjectMade:
            """Make a project."""
            setup = Setup.checked(message.project)
            login = name_of(request)
            if setup.bundle not in self.bundles():
                known = ", ".join(self.bundles())
                raise NotFound(
                    "there is no bundle {bundle!r}; choose from: {known}",
                    bundle=setup.bundle,
                    known=known,
                )
            project, access = projects.create(store, setup, message.administrator, login)
            return ProjectMade(
                project=project.name, administrator=access.annotator.name, code=access.code
            )

        # FastAPI would read a form parameter, and fill the disk, before rights are checked.
        @filling.post("/pictures", dependencies=[Depends(maker)], openapi_extra=FORM)
        async def add(store: Store, project: Administered, request: Request) -> PicturesAdded:
            """Put pictures, or zip files of them, into the project."""
            visitor = name_of(request) or (request.client.host if request.client else "")
            async with self._uploaded(request, visitor) as files:
                owner = owner_at(f"labels {project.name}", visitor)
                return await self._add(store, project, owner, files)

        @router.get("/export")
        def export(
            store: Store, project: Administered,
            format: Literal["csv", "jsonl", "label-studio", "datasets"] = "csv",
            history: bool = False,
        ) -> Response:  # fmt: skip
            """Get the labels as a file; of ``datasets`` a zip with the pictures."""
            return _exported(store, project, format, history)

        @router.post("/retrain", status_code=202, dependencies=[Depends(trainer)])
        def retrain(store: Store, project: Administered, message: Retrain) -> State:
            """Begin to train the bundle's model on the labels."""
            name = message.name or training.model_name(project.name)
            name = training.claim(store, project, name)  # a refusal is the reply

            def work() -> Iterator[Learning | Learnt | None]:
                return training.retrain(store, project, message.rule, name, message.settings)

            tasks.start(task_name(project.name), work)
            return _state(tasks, project)

        @router.get("/retrain")
        def trained(project: Administered) -> State:
            """Say how the training stands."""
            return _state(tasks, project)

        @router.get("/models")
        def models(store: Store, project: Administered) -> list[ModelEntry]:
            """List the models that were trained on the labels."""
            return _models(store, project)

        @router.post("/share")
        def share(store: Store, project: Administered, message: Share) -> list[ModelEntry]:
            """Offer a model to everybody, or to the project's administrators alone."""
            training.share(store, project, message.model, message.shared)
            return _models(store, project)

        router.include_router(filling)
        return router

    @asynccontextmanager
    async def _uploaded(self, request: Request, visitor: str) -> AsyncIterator[list[UploadFile]]:
        """The files of a form, which go when this is left.

        :param visitor: login or address, of whom few uploads go on at once.
        :raises TooMuch: these go on already.
        :raises BadInput: it is no form, or has no files.
        """
        if self._uploads[visitor] >= UPLOADS:  # only the event loop counts
            told = "{uploads} uploads of yours are going on; wait until one of them is done"
            raise TooMuch(Sentence(told, uploads=UPLOADS), WAIT)
        self._uploads[visitor] += 1
        try:
            form = await form_of(request)
            try:
                yield _files(form)
            finally:
                await form.close()
        finally:
            self._uploads[visitor] -= 1
            if not self._uploads[visitor]:
                del self._uploads[visitor]

    async def _add(
        self, store: Database, project: Project, owner: str, files: list[UploadFile]
    ) -> PicturesAdded:
        with tempfile.TemporaryDirectory() as scratch:

            def copied() -> Iterator[str]:
                for number, file in enumerate(files):
                    path = Path(scratch) / str(number) / _file_name(file.filename, number)
                    path.parent.mkdir()
                    with path.open("wb") as out:
                        shutil.copyfileobj(file.file, out)
                    yield str(path)

            arriving = add_pictures.fill(self.engine, store, project, owner, copied())
            *_, filled = [one async for one in arriving]
        return PicturesAdded(seen=filled.seen, new=filled.new, refused=list(filled.refused[:NAMED]))


def _file_name(sent: str | None, number: int) -> str:
    """The name of a file that was sent, as any disk can hold it; its number where it has none."""
    name = storable_name(Path(sent or "").name)
    name = name.encode()[-LONGEST_FILE_NAME:].decode(errors="ignore")
    return name if name not in ("", ".", "..") else str(number)


def _files(form: FormData) -> list[UploadFile]:
    files = [one for one in form.getlist(FILES) if isinstance(one, UploadFile)]
    if not files:
        raise BadInput(
            "there are no files; send pictures, or zip files of them, as the field {files!r} of a "
            "form",
            files=FILES,
        )
    return files


def _exported(store: Database, project: Project, form: str, history: bool) -> Response:
    with tempfile.TemporaryDirectory() as scratch:
        to = Path(scratch) / ("labels" if form == "datasets" else f"labels.{ENDINGS[form]}")
        exchange.export(store, project, to, form, history=history)
        if form == "datasets":
            to = Path(shutil.make_archive(str(to), "zip", to))
        content = to.read_bytes()
    named = {"Content-Disposition": f'attachment; filename="labels.{ENDINGS[form]}"'}
    return Response(content, media_type="application/octet-stream", headers=named)


def _models(store: Database, project: Project) -> list[ModelEntry]:
    of_bundle = training.of_people(store, project.setup.bundle)
    own = [of_bundle[name] for name in training.models(store, project) if name in of_bundle]
    return [ModelEntry(name=one.name, shared=one.shared, counts=one.counts) for one in own]


def _state(tasks: BackgroundTasks, project: Project) -> State:
    task = tasks.newest(task_name(project.name))
    if task is None:
        return State(state="idle")
    news = task.news
    return State(
        state=task.state, reason=task.reason,
        share=news.share if isinstance(news, Learning) else float(task.state == "done"),
        learnt=asdict(news) if isinstance(news, Learnt) else None,
    )  # fmt: skip
