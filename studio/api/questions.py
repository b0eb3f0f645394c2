"""Programs' questions: checked, put to the engine in turn with the page's runs, stopped when nobody
waits any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from backends import imaging, service
from backends.core import Frame, Request
from backends.errors import BadInput, NotFound, StudioError
from backends.imaging import Reading
from backends.regions.spec import MaskFile, RegionSpec, Whole
from backends.service import regions as region_service
from studio import export
from studio.access import MEMBERS, AccessPolicy
from studio.api.messages import (
    About,
    MethodEntry,
    PictureMessage,
    Predicted,
    QuestionMessage,
    Queue,
    RegionFound,
    RegionMessage,
)
from studio.runs import Run, Runs
from studio.runs.asking import ask
from studio.runs.decoding import decode
from studio.runs.place import QueuePlace

__all__ = ["Gone", "ProgramQuestions"]

T = TypeVar("T")
CLOSING = "the studio is closing; ask again"
GOING = 8  # questions of one address that may wait; behind a proxy many share one
HEARTBEAT = 1.0  # seconds between looks whether the asker is still there


class Gone(StudioError):
    """The asker does not wait any more."""


@dataclass
class ProgramQuestions:
    """What programs may ask of this studio.

    :ivar runs: carries them out.
    :ivar names: of the bundles that may be asked about, the first of which is the usual one.
    :ivar access: who may name models of their own.
    :ivar hidden: the names of a bundle's models that the owner of an access code, which may be
        empty, may not ask; it is called off the event loop.
    """

    runs: Runs
    names: Callable[[], list[str]]
    access: AccessPolicy = MEMBERS
    hidden: Callable[[str, str], frozenset[str]] = lambda bundle, code: frozenset()

    async def explain(
        self, question: QuestionMessage, image: bytes, mask: bytes | None, owner: str,
        on_frame: Callable[[Frame], None] = lambda frame: None,
        gone: Callable[[], bool] = lambda: False,
        on_place: Callable[[QueuePlace], None] = lambda place: None,
        code: str = "",
    ) -> Run:  # fmt: skip
        """Answer a question.

        :param on_place: hears each second where the question stands, until the first frame.
        :param code: an access code of the asker's.
        :param gone: whether the asker has left; looked at each second.
        :raises StudioError: it cannot be answered.
        """
        await self._require_shown(question, code)
        if mask is not None and question.region not in ("whole", "mask", "painted"):
            raise BadInput("send a mask or a region, not both")
        read = await self._decoded(question, image, owner)
        request = await self._ask(
            owner, lambda: self._request(question, read, mask is not None, image)
        )
        if mask is not None:
            size = request.picture.shape[1::-1]
            array = await decode(
                owner, self.runs.engine.budgets,
                lambda: imaging.read_mask(mask, size, request.placement),
                lambda _: request.placement.original if request.placement else size,
            )  # fmt: skip
            request = replace(request, mask=array)
        run = self.runs.start(request, owner, going=GOING)
        shown = 0
        try:
            async for _ in run.watch(HEARTBEAT):
                if gone():
                    raise Gone("nobody waits for the answer")
                for frame in run.frames[shown:]:  # a fast run has several between two looks
                    on_frame(frame)
                shown = len(run.frames)
                if not shown:
                    on_place(self.runs.place(run))
            for frame in run.frames[shown:]:
                on_frame(frame)
        finally:
            self.runs.forget(run)
        if run.answer is None:
            raise run.failed.error if run.failed else StudioError(CLOSING)
        return run

    async def predict(
        self, asked: PictureMessage, image: bytes, owner: str, code: str = ""
    ) -> Predicted:
        """Say what a model says of a picture."""
        await self._require_shown(asked, code)
        read = await self._decoded(asked, image, owner)

        def work() -> Predicted:
            bundle, picture = self._picture(asked, read)
            found = service.predict(bundle, picture, self._model(asked))
            seen = export.data_url(export.as_picture(picture))
            return Predicted(
                label=found.label, probabilities=found.probabilities, value=found.value, seen=seen
            )

        return await self._ask(owner, work)

    async def region(
        self, asked: RegionMessage, image: bytes, owner: str, code: str = ""
    ) -> RegionFound:
        """Draw a region of a picture."""
        await self._require_shown(asked, code)
        read = await self._decoded(asked, image, owner)

        def work() -> RegionFound:
            bundle, picture = self._picture(asked, read)
            spec = _region(asked.region)
            mask = region_service.mask_of(bundle, picture, spec, self._model(asked))
            imaging.require_area(mask)
            shown = export.data_url(export.as_picture((mask > 0).astype(np.uint8) * 255))
            return RegionFound(region=str(spec), area=float((mask > 0).mean()), mask=shown)

        return await self._ask(owner, work)

    async def _decoded(self, asked: PictureMessage, image: bytes, owner: str) -> Reading:
        """A picture, decoded off the engine's thread, so that a large one keeps nobody waiting;
        one of each address at a time."""
        window = imaging.window_in(asked.window)
        return await decode(
            owner, self.runs.engine.budgets, lambda: imaging.read(image, asked.page, window),
            lambda reading: reading.picture.size,
        )  # fmt: skip

    def queue(self, bundle: str, method: str) -> Queue:
        """How much there is to compute for everybody."""
        seconds = self.runs.expected(self._bundle(bundle), method)
        return Queue(**self.runs.counts(), people=self.runs.people, seconds=seconds)

    async def bundles(self, owner: str, code: str = "") -> list[About]:
        """Describe the bundles that can be asked about."""
        found = await self._ask(owner, lambda: [_about(name) for name in self.names()])
        for about in found:
            hidden = await self._hidden(about.name, about.models, code)
            about.models = [model for model in about.models if model not in hidden]
        return found

    async def methods(self, bundle: str, owner: str) -> list[MethodEntry]:
        """Describe the methods of a bundle."""

        def work() -> list[MethodEntry]:
            entries = service.about(self._bundle(bundle))["methods"].items()
            return [
                MethodEntry(
                    name=name, title=m["title"], summary=m["summary"], paper=m.get("paper", ""),
                    gradients=m.get("gradients", False), problem=m["problem"],
                    settings=m.get("schema", {}),
                    presets={key: p["title"] for key, p in m.get("presets", {}).items()},
                )
                for name, m in entries
            ]  # fmt: skip

        return await self._ask(owner, work)

    async def _ask(self, owner: str, work: Callable[[], T]) -> T:
        return await ask(self.runs.engine, owner, work)

    async def _hidden(self, bundle: str, models: Iterable[str], code: str) -> frozenset[str]:
        """What :attr:`hidden` says, where anything but the classifier is asked for."""
        if set(models) <= {"classifier"}:
            return frozenset()
        return await asyncio.to_thread(self.hidden, bundle, code)

    async def _require_shown(self, asked: PictureMessage, code: str) -> None:
        """Refuse a model that others have not shared, as one that is not there."""
        bundle = self._bundle(asked.bundle)
        if asked.model in await self._hidden(bundle, [asked.model], code):
            raise NotFound(
                "there is no model {model!r} for you here; send the access code of an "
                "administrator of its project, or ask them to share it",
                model=asked.model,
            )

    def _bundle(self, name: str) -> str:
        names = self.names()
        if name and name not in names:
            raise NotFound(
                "there is no bundle {name!r}; choose from: {names}",
                name=name,
                names=", ".join(names),
            )
        return name or names[0]

    def _model(self, asked: PictureMessage) -> str:
        """The model's name; one outside of the bundle only where the asker owns the machine."""
        if not self.access.most.models:
            service.require_known(self._bundle(asked.bundle), asked.model)
        return asked.model

    def _picture(self, asked: PictureMessage, image: Reading) -> tuple[str, np.ndarray]:
        bundle = self._bundle(asked.bundle)
        return bundle, service.prepare(bundle, image.picture)

    def _request(
        self, question: QuestionMessage, image: Reading, masked: bool, content: bytes
    ) -> Request:
        bundle = self._bundle(question.bundle)
        picture, placement = service.place(bundle, image.picture, image.turn)
        spec = Whole() if masked else _region(question.region)
        return Request(
            bundle=bundle, method=question.method, target=question.target, picture=picture,
            region="mask" if masked else str(spec), settings=question.settings,
            seed=question.seed, model=self._model(question),
            importance=question.importance, placement=placement,
            original=imaging.feathered(imaging.kept(content, image), question.feather),
        )  # fmt: skip


def _region(text: str) -> RegionSpec:
    """A region that names no file of the studio's machine."""
    spec = RegionSpec.parse(text)
    if any(isinstance(part, MaskFile) for part in spec.parts()):
        raise BadInput("send the mask itself, as the field mask, and not the name of its file")
    return spec


def _about(name: str) -> About:
    info = service.about(name)
    return About(
        name=name, title=info["title"], description=info["description"],
        image_size=info["image_size"], channels=info["channels"], classes=info["class_names"],
        models=list(info["models"]),
        methods=[n for n, m in info["methods"].items() if m["problem"] is None],
    )  # fmt: skip
