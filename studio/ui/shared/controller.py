"""Controller of one bundle: shows pictures to its models, builds requests, holds their files."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from gradio.processing_utils import hash_file
from gradio.utils import get_upload_folder
from PIL import Image

from backends import bundles, imaging, service
from backends.bundles import ORACLE
from backends.core import Proposal, Request
from backends.errors import BadInput, NotFound
from backends.regions.candidates import Candidate, Found
from backends.regions.spec import Auto, RegionSpec, Whole
from backends.service import regions as region_service
from backends.service.bundles import BundleInfo, MethodInfo
from backends.service.models import Inspected
from studio import export
from studio.runs import Run, Runs
from studio.runs.asking import ask
from studio.runs.decoding import decode
from studio.runs.study import Study
from studio.translation import N_
from studio.ui.shared import canvas
from studio.ui.shared.asked_models import CLASSIFIER, AskedModels
from studio.ui.shared.factual import Factual, Shown

__all__ = ["NO_PICTURE", "SHARED", "BundleController"]

SHARED = region_service.SHARED
CELLS = 16  # a side, of where a model of the person's own looks
NO_PICTURE = N_("choose, upload or draw a picture first")


def _whole(seed: Any) -> Any:
    """A browser's number as a whole one, where it is; a question refuses the others."""
    return int(seed) if isinstance(seed, float) and seed.is_integer() else seed


@dataclass
class BundleController:
    """Controller of one bundle: turns controls into requests, follows runs, holds their files.

    :ivar results: folder for the answers' files.
    :ivar study: where people's choices between answers are kept.
    :ivar warmed: load the bundle's parts ahead, while the engine has nothing else to do.
    """

    bundle: str
    runs: Runs
    results: Path
    study: Study
    warmed: bool = False
    about: BundleInfo = field(init=False)
    language: dict[str, Any] = field(default_factory=dict)
    refreshed: int = -1
    _ready: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.refresh()
        self.runs.on_forget(self.forget)

    def refresh(self) -> None:
        """Look again at which parts are here; ``refreshed`` counts how often that has changed."""
        found = service.about(self.bundle), region_service.about(self.bundle)
        if self.refreshed < 0 or found != (self.about, self.language):
            self.about, self.language = found
            self.refreshed += 1
        ready = self._usable()
        if self.warmed and ready != self._ready:
            self._ready = ready  # or each look at the page would take every method's first step
            ahead = functools.partial(service.warm, self.bundle)
            self.runs.engine.submit(ahead, "studio", lambda event: None, "idle")

    def _usable(self) -> frozenset[str]:
        """What loading ahead would load: the parts that are here, and the methods that can run."""
        found = bundles.get(self.bundle)
        here = (name for name in found.manifest.parts if found.problem(name) is None)
        return frozenset([*here, *self.methods()])

    @property
    def folder(self) -> Path:
        """Where the bundle lies."""
        return Path(self.about["folder"])

    @property
    def photographs(self) -> bool:
        """Whether regions by words and clicks make sense here."""
        return bool(self.about["preparation"] != "digit")

    def to_pull(self, only: str | None = None) -> dict[str, list[dict[str, Any]]]:
        """What is published elsewhere and not here, by bundle: this one's parts, and those that
        all bundles of photographs share."""
        missing = {}
        for name in dict.fromkeys([self.bundle, SHARED] if self.photographs else [self.bundle]):
            try:
                items = service.to_pull(name) if only in (None, name) else []
            except NotFound:
                continue
            if items:
                missing[name] = items
        return missing

    @property
    def models(self) -> AskedModels:
        """What its models can be asked, and what they say."""
        return AskedModels(self.about)

    def entries(self, model: str | None = None) -> dict[str, MethodInfo]:
        """All methods, with the ``problem`` that keeps each from running here, or from explaining
        a model beside the classifier."""
        methods = self.about["methods"]
        entry = self.models.entry(model)
        if not entry:
            return dict(methods)
        problems = entry["methods"]
        return {name: {**m, "problem": problems[name]} for name, m in methods.items()}

    def methods(self, model: str | None = None) -> dict[str, MethodInfo]:
        """Those that can."""
        return {n: m for n, m in self.entries(model).items() if m["problem"] is None}

    def differentiable(self, model: str | None = None) -> bool:
        """Whether a model gives gradients."""
        entry = self.models.entry(model)
        return bool(entry["differentiable"]) if entry else True

    def problems(self, model: str | None = None) -> list[str]:
        """Why the others cannot, but for those that nothing here could make work."""
        methods = [m for m in self.entries(model).values() if not m.get("hidden")]
        return [f"{m['title']}: {m['problem']}." for m in methods if m["problem"]]

    async def ask(self, owner: str, work: Callable[[], Any]) -> Any:
        """A quick job on the engine, which owns the device; raises what it raised."""
        return await ask(self.runs.engine, owner, work)

    async def show(
        self, owner: str, source: Any, page: int = 1, window: tuple[float, float] | None = None,
        adjustment: imaging.Adjustment | None = None,
    ) -> Shown:  # fmt: skip
        """Read a picture, turn it into what the model sees, ask the model about it.

        :param page: of a file with several, counted from 1.
        :param window: (centre, width) of the values to see, of a file with more than 8 bits.
        :param adjustment: what is done to it first; the person's own picture is then the adjusted
            one.
        """

        budgets = self.runs.engine.budgets

        def decoded() -> tuple[imaging.Reading, Any]:
            reading, kept = imaging.read(source, page, window), source
            if adjustment is not None:
                kept = imaging.adjusted(reading.picture, adjustment)
                reading = imaging.read(kept)
            return reading, kept

        reading, kept = await decode(owner, budgets, decoded, lambda read: read[0].picture.size)

        def work() -> Shown:
            picture, placement = service.place(self.bundle, reading.picture, reading.turn)
            return replace(
                self._shown(picture), placement=placement, reading=reading,
                original=imaging.kept(kept, reading),
            )  # fmt: skip

        return await self.ask(owner, work)

    async def sample(self, owner: str, seed: int) -> Shown:
        """A picture that the bundle's own generator draws."""
        return await self.ask(owner, lambda: self._shown(service.sample(self.bundle, seed)))

    async def look_again(self, owner: str, seen: Factual) -> Shown:
        """Ask all models about a prepared picture, those that came since too, and the oracle, which
        may be whom an earlier answer is of."""
        judge = [ORACLE] if self.about["judge"] else []
        shown = await self.ask(owner, lambda: self._shown(seen.pixels, judge))
        return replace(shown, placement=seen.placement, original=seen.original)

    async def add_model(self, owner: str, name: str, file: str | None) -> str:
        """Load a model that the person names or has uploaded; returns what it is called from now
        on.

        :param file: the model itself, or the weights of the architecture that ``name`` says.
        :raises StudioError: it is not here, is none, or would run code.
        """
        head, mark, options = name.strip().partition("?")
        if file and Path(file).suffix.lower() in (".safetensors", ".pth"):
            head = f"{head}@{file}"
        elif file:
            head = file
        if not head:
            raise BadInput("name a model, or upload its file")
        return await self.ask(owner, lambda: service.add_model(self.bundle, head + mark + options))

    async def inspect(self, owner: str, picture: np.ndarray, model: str) -> Inspected:
        """What a model of the person's own takes, gives, and sees of a prepared picture."""
        return await self.ask(owner, lambda: service.inspect(self.bundle, picture, model))

    async def attribute(self, owner: str, picture: np.ndarray, model: str) -> Proposal:
        """The grid cells that a model's Integrated Gradients point at, 16 a side."""
        settings = {"cell": max(1, picture.shape[0] // CELLS)}
        return await self.ask(owner, lambda: service.propose(self.bundle, picture, settings, model))

    def _shown(self, picture: np.ndarray, further: Sequence[str] = ()) -> Shown:
        of = Factual(self.bundle, picture).digest
        scene = canvas.scene(export.as_picture(picture), of=of)
        opinions = {
            name: service.predict(self.bundle, picture, name)
            for name in [*self.models.others, *further]
        }
        return Shown(picture, scene, service.predict(self.bundle, picture), opinions)

    async def words(
        self, owner: str, picture: np.ndarray, prompt: str, settings: dict[str, Any]
    ) -> Found:
        """What in the picture a prompt may mean."""
        return await self.ask(
            owner, lambda: region_service.candidates(self.bundle, picture, prompt, settings)
        )

    async def click(
        self, owner: str, picture: np.ndarray, points: list[tuple[float, float]], labels: list[int]
    ) -> Candidate:
        """The thing in the picture that was clicked."""
        return await self.ask(
            owner, lambda: region_service.click(self.bundle, picture, points, labels)
        )

    async def propose(
        self, owner: str, picture: np.ndarray | None, model: str | None,
        settings: dict[str, Any], *, anew: bool = False,
    ) -> tuple[str, Image.Image]:  # fmt: skip
        """The region of a model, as a scene for the canvas, and the attribution behind it.

        :param anew: the canvas shows another picture yet.
        """
        picture, asked = self.need(picture), model or CLASSIFIER
        found = await self.ask(
            owner, lambda: service.propose(self.bundle, picture, settings, asked)
        )
        heat = export.coloured(found.attribution, "inferno")
        story = Auto(tuple((key, str(value)) for key, value in settings.items()))
        overlay = canvas.Overlay(found.mask, "auto", str(story), at_once=anew)
        of = Factual(self.bundle, picture).digest
        shown = export.as_picture(picture) if anew else None
        return canvas.scene(shown, overlay, of=of), export.enlarge(heat, 192)

    async def mask_of(self, owner: str, file: str, seen: Factual) -> np.ndarray:
        """The mask of a file that a person chose (a data URL) for a picture, by the command
        line's own rule; it may have the original's size.

        :raises BadInput: it cannot be read, has another size, or it is not clear what it marks.
        """
        content, size = canvas.file_of(file), seen.pixels.shape[1::-1]
        return await decode(
            owner, self.runs.engine.budgets,
            lambda: imaging.read_mask(content, size, seen.placement),
            lambda _: seen.placement.original if seen.placement else size,
        )  # fmt: skip

    def need(self, picture: np.ndarray | None) -> np.ndarray:
        """The picture, or a sentence for who forgot it."""
        if picture is None:
            raise BadInput(NO_PICTURE)
        return picture

    def request(
        self,
        picture: np.ndarray | None,
        mask: str,
        region: RegionSpec,
        model: str | None,
        target: str | None,
        method: str,
        settings: dict[str, Any],
        seed: float | None,
    ) -> Request:
        """What the controls ask for.

        :param mask: the canvas as a PNG data URL, empty when nothing is painted.
        :param region: which, or how the mask was made.
        :param model: the classifier unless given.
        :raises BadInput: something is missing.
        """
        picture = self.need(picture)
        if not target:
            raise BadInput("choose what the model should say instead")
        array = None
        # An automatic region without a mask is proposed anew.
        if not isinstance(region, Whole) and (mask or not isinstance(region, Auto)):
            array = np.zeros(picture.shape[:2], np.uint8)
            if mask:
                array = imaging.painted_mask(canvas.from_data_url(mask), picture.shape[1::-1])
            imaging.require_area(array)
        return Request(
            self.bundle,
            method,
            target,
            picture,
            str(region),
            array,
            settings,
            _whole(seed or 0),
            model or CLASSIFIER,
        )

    def archive(self, run: Run) -> str:
        """The answer's files, as the command line writes them, in a zip to download.

        :raises NotFound: the run is no longer kept, as after its page was closed.
        """
        assert run.answer is not None
        path = self.results / f"counterfactual-{run.id}.zip"
        if not path.is_file():
            with tempfile.TemporaryDirectory(dir=self.results) as scratch:
                export.write(Path(scratch) / "answer", run.answer, run.frames)
                export.write_zip(path, Path(scratch) / "answer")
        if self.runs.get(run.id) is None:  # forgotten, maybe while this was written
            self.forget(run)
            raise NotFound("that answer is no longer kept; run it again")
        return str(path)

    def forget(self, run: Run) -> None:
        """Remove the files of a run that is no longer kept."""
        path = self.results / f"counterfactual-{run.id}.zip"
        if path.is_file():
            # Gradio's copy too, which it would keep for a day.
            copy = Path(get_upload_folder()) / hash_file(path) / path.name
            copy.unlink(missing_ok=True)
            with suppress(OSError):  # none was shown
                copy.parent.rmdir()
        path.unlink(missing_ok=True)
