"""Programs' questions: checked, put to the engine in turn with the page's runs, stopped when nobody
waits any more."""

from __future__ import annotations

from collections.abc import Callable
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
    RegionFound,
    RegionMessage,
)
from studio.runs import Run, Runs, TooMany
from studio.runs.asking import ask
from studio.runs.decoding import decode

__all__ = ["Busy", "Gone", "ProgramQuestions"]

T = TypeVar("T")
CLOSING = "the studio is closing; ask again"
GOING = 8  # questions of one address that may wait; behind a proxy many share one
HEARTBEAT = 1.0  # seconds between looks whether the asker is still there


class Busy(StudioError):
    """The asker's earlier questions are not answered yet."""


class Gone(StudioError):
    """The asker does not wait any more."""


@dataclass
class ProgramQuestions:
    """What programs may ask of this studio.

    :ivar runs: carries them out.
    :ivar names: of the bundles that may be asked about, the first of which is the usual one.
    :ivar access: who may name models of their own.
    """

    runs: Runs
    names: Callable[[], list[str]]
    access: AccessPolicy = MEMBERS

    async def explain(
        self, question: QuestionMessage, image: bytes, mask: bytes | None, owner: str,
        on_frame: Callable[[Frame], None] = lambda frame: None,
        gone: Callable[[], bool] = lambda: False,
    ) -> Run:  # fmt: skip
        """Answer a question.

        :param gone: whether the asker has left; looked at each second.
        :raises StudioError: it cannot be answered.
        """
        if mask is not None and question.region not in ("whole", "mask", "painted"):
            raise BadInput("send a mask or a region, not both")
        read = await self._decoded(question, image, owner)
        request = await self._ask(
            owner, lambda: self._request(question, read, mask is not None, image)
        )
        if mask is not None:
            size = request.picture.shape[1::-1]
            array = await decode(owner, lambda: imaging.read_mask(mask, size, request.placement))
            request = replace(request, mask=array)
        try:
            run = self.runs.start(request, owner, going=GOING)
        except TooMany:
            raise Busy("your earlier questions are not answered yet; wait for them") from None
        shown = 0
        try:
            async for _ in run.watch(HEARTBEAT):
                if gone():
                    raise Gone("nobody waits for the answer")
                for frame in run.frames[shown:]:  # a fast run has several between two looks
                    on_frame(frame)
                shown = len(run.frames)
            for frame in run.frames[shown:]:
                on_frame(frame)
        finally:
            self.runs.forget(run)
        if run.answer is None:
            raise run.failed.error if run.failed else StudioError(CLOSING)
        return run

    async def predict(self, asked: PictureMessage, image: bytes, owner: str) -> Predicted:
        """Say what a model says of a picture."""

        read = await self._decoded(asked, image, owner)

        def work() -> Predicted:
            bundle, picture = self._picture(asked, read)
            found = service.predict(bundle, picture, self._model(asked))
            seen = export.data_url(export.as_picture(picture))
            return Predicted(
                label=found.label, probabilities=found.probabilities, value=found.value, seen=seen
            )

        return await self._ask(owner, work)

    async def region(self, asked: RegionMessage, image: bytes, owner: str) -> RegionFound:
        """Draw a region of a picture."""

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
        return await decode(owner, lambda: imaging.read(image, asked.page, window))

    async def bundles(self, owner: str) -> list[About]:
        """Describe the bundles that can be asked about."""
        return await self._ask(owner, lambda: [_about(name) for name in self.names()])

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

    def _bundle(self, name: str) -> str:
        names = self.names()
        if name and name not in names:
            raise NotFound(f"there is no bundle {name!r}; choose from: {', '.join(names)}")
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
