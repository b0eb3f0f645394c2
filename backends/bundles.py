"""Read, check and write bundles: a folder with bundle.json and safetensors parts."""

from __future__ import annotations

import json
import shlex
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from backends import devices, registry
from backends.errors import BadInput, MissingPart, NotFound
from backends.fetching import cache
from backends.fetching.cache import checksum
from backends.fetching.source import Source, megabytes
from backends.memory import guarded

__all__ = [
    "ASSETS",
    "Bundle",
    "Example",
    "Manifest",
    "Part",
    "Property",
    "Training",
    "find",
    "installed",
]

ASSETS = Path(__file__).resolve().parent.parent / "assets"
MANIFEST = "bundle.json"


class Training(BaseModel):
    """How a part came to be, enough to do it again."""

    command: str
    data: str
    seed: int
    steps: int
    seconds: float
    quality: dict[str, float]


class Property(BaseModel):
    """What a regressor measures: ``suggested`` values span what real pictures have, in ``unit``."""

    title: str
    unit: str
    suggested: list[float]


class Part(BaseModel):
    """One network: what it is for, which architecture, with which arguments, in which file.

    ``kind`` is what it is used as: its own name, or ``regressor`` for a target model that gives
    a ``property`` of the picture; a ``classifier`` beside the bundle's own has ``classes``.
    ``serves`` lists the kinds that it can stand in for, ``model`` the target model whose classes
    it learnt, if that is not the bundle's classifier. A part with a ``source`` need not come with
    the bundle; then its ``sha256`` may be empty, since the file is converted in the person's cache.
    """

    kind: str
    architecture: str
    arguments: dict[str, Any]
    file: str
    sha256: str = ""
    licence: str
    trained: Training | None = None
    property: Property | None = None
    source: Source | None = None
    serves: list[str] = []
    model: str | None = None
    classes: list[str] | None = None


class Example(BaseModel):
    """A picture to begin with; ``index`` is its place in the data set's test split."""

    file: str
    label: str
    index: int


class Manifest(BaseModel):
    """bundle.json.

    ``preparation`` says how a person's picture becomes the model's: ``digit`` looks for white or
    black ink and centres it as MNIST does, ``square`` crops and resizes, ``portrait`` finds the
    face and aligns it. ``recipe`` names what ``train`` makes its parts by,
    ``settings`` gives methods other defaults than their own.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    title: str
    description: str
    image_size: int
    channels: int
    class_names: list[str]
    licence: str
    preparation: Literal["digit", "square", "portrait"] = "square"
    recipe: str = "digits"
    settings: dict[str, dict[str, Any]] = {}
    parts: dict[str, Part] = {}
    examples: list[Example] = []


class Bundle:
    """One domain. Parts are loaded when first asked for, onto one device, and shared from then on.

    :param folder: where bundle.json lies.
    :param device: where its parts compute; as the switch says (:mod:`backends.devices`) unless
        given.
    :raises NotFound: there is none.
    :raises BadInput: it cannot be read.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self.folder = folder
        self._device = device
        self._loaded: dict[str, Any] = {}
        path = folder / MANIFEST
        if not path.is_file():
            raise NotFound(
                f"no bundle at {folder}: it has no {MANIFEST}; "
                f"installed bundles are: {', '.join(installed()) or 'none'}"
            )
        try:
            self.manifest = Manifest.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise BadInput(f"{path} cannot be read: {where}: {first['msg']}") from error

    @cached_property
    def name(self) -> str:
        """What bundle.json calls it."""
        return self.manifest.name

    @cached_property
    def device(self) -> str:
        """Where its parts compute: ``cpu``, ``cuda`` or ``mps``.

        :raises BadInput: the switch says a device that is not here.
        """
        return self._device or devices.current()

    def part(self, name: str) -> Any:
        """The network of that name on the bundle's device, in eval mode, without gradients of its
        weights.

        :raises MissingPart: it is not there, or its file is damaged.
        :raises OutOfMemory: the device has no room for it.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def named(self, kind: str, model: str = "classifier") -> str:
        """The part that is used as ``kind`` where ``model`` is explained: that which learnt the
        model's classes, or one that learnt none; the kind itself where there is none."""
        parts = self.manifest.parts
        fits = [n for n, p in parts.items() if kind in (n, p.kind, *p.serves)]
        order = [n for wanted in (model, None) for n in fits if parts[n].model == wanted]
        return order[0] if order else kind

    def learnt(self, name: str) -> str:
        """The target model whose classes a part learnt."""
        return self.manifest.parts[name].model or "classifier"

    def problem(self, name: str) -> str | None:
        """Why a part cannot be used, in one sentence; None when its file is whole."""
        if name in self._loaded:
            return None
        if name in self.fetchable:
            return self._not_fetched(name)
        remedy = "fetch the bundle again, or train it with: python -m studio train"
        part = self.manifest.parts.get(name)
        if part is None and name not in self.trainable:
            return (
                f"bundle {self.name!r} has no part {name!r}, and no recipe trains it; choose "
                "another method"
            )
        if part is None:
            recipe = self.manifest.recipe
            recipe = "" if recipe == "digits" else f" --recipe {recipe}"
            return (
                f"bundle {self.name!r} has no part {name!r}; train it with: python -m studio "
                f"train DATA --out {self._shown()} --parts {name}{recipe}"
            )
        if not (self.folder / part.file).is_file():
            return f"{part.file} of bundle {self.name!r} is missing; {remedy}"
        if not self._came(part):
            return f"{part.file} of bundle {self.name!r} is damaged (its sha256 differs); {remedy}"
        return None

    @cached_property
    def trainable(self) -> list[str]:
        """Names of the parts that this program's recipe for the bundle trains."""
        known = self.manifest.recipe in registry.COOKBOOKS
        return list(registry.cookbook(self.manifest.recipe).recipes) if known else []

    @property
    def fetchable(self) -> dict[str, Source]:
        """The parts that are published elsewhere and did not come with the bundle."""
        return {
            name: part.source
            for name, part in self.manifest.parts.items()
            if part.source and not (part.sha256 and self._came(part))
        }

    def _came(self, part: Part) -> bool:
        path = self.folder / part.file
        return path.is_file() and checksum(path) == part.sha256

    def path(self, name: str) -> Path:
        """Where a part's file is, or will be when it is fetched."""
        part = self.manifest.parts[name]
        if name in self.fetchable:
            return cache.place(part.file, self.fetchable[name])
        return self.folder / part.file

    def fingerprint(self, name: str) -> str:
        """sha256 of the file in use; empty for a part that is not fetched yet."""
        if name in self.fetchable:
            known = cache.record(self.path(name))
            return known.sha256 if known else ""
        return self.manifest.parts[name].sha256

    def _not_fetched(self, name: str) -> str | None:
        trouble = cache.damage(self.path(name))
        command = f"({megabytes(self.fetchable[name].size)}) with: {self.pull_command}"
        if trouble == "missing":
            return f"{name} of bundle {self.name!r} is not here yet; fetch it {command}"
        if trouble == "damaged":
            return (
                f"{name} of bundle {self.name!r} is damaged (its sha256 differs); "
                f"fetch it again {command}"
            )
        return None

    @property
    def pull_command(self) -> str:
        """What a person types to fetch the bundle's parts."""
        name = self.name if self.folder == ASSETS / self.name else self._shown()
        return f"python -m studio bundles pull {shlex.quote(name)}"

    def _shown(self) -> str:
        """The folder as a person would type it from here."""
        here = Path.cwd()
        return str(self.folder.relative_to(here) if here in self.folder.parents else self.folder)

    def _load(self, name: str) -> Any:
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        problem = self.problem(name)
        if problem:
            raise MissingPart(problem)
        part = self.manifest.parts[name]
        try:
            network = registry.architecture(part.architecture)(**part.arguments)
            network.load_state_dict(load_file(self.path(name)))
        except ImportError as error:
            raise MissingPart(
                f"part {name!r} needs the package {error.name!r}; run: pip install {error.name}"
            ) from error
        except (RuntimeError, TypeError, ValueError, SafetensorError) as error:
            again = f"remove {self.path(name)} and run: {self.pull_command}"
            raise MissingPart(
                f"{part.file} of bundle {self.name!r} does not fit architecture "
                f"{part.architecture!r}; "
                f"{again if name in self.fetchable else 'fetch the bundle again'}"
            ) from error
        network = network.eval().requires_grad_(False)
        if self.device == "cpu":
            # Convolutions on channels-last weights are about a third faster there.
            return network.to(memory_format=torch.channels_last)
        devices.settle(self.device)
        with guarded(self.device):
            return network.to(self.device)


def installed() -> list[str]:
    """Names of the bundles that came with the program."""
    return sorted(path.parent.name for path in ASSETS.glob(f"*/{MANIFEST}"))


def find(name: str) -> Bundle:
    """The bundle of that name, or in that folder."""
    embedded = ASSETS / name
    return Bundle(embedded if (embedded / MANIFEST).is_file() else Path(name))


def write_part(folder: Path, manifest: Manifest, name: str, network: Any, part: Part) -> None:
    """Save a network and enter it into bundle.json; other parts' entries are kept as they
    stand on disk, so that two trainings may write into one folder."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / part.file
    scratch = path.with_suffix(".part")
    save_file({k: v.contiguous().cpu() for k, v in network.state_dict().items()}, scratch)
    scratch.replace(path)
    parts = {name: part.model_copy(update={"sha256": checksum(path)})}
    if (folder / MANIFEST).is_file():
        stored = Bundle(folder).manifest
        manifest = manifest.model_copy(
            update={"parts": stored.parts, "examples": stored.examples or manifest.examples}
        )
    write_manifest(folder, manifest.model_copy(update={"parts": manifest.parts | parts}))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write bundle.json in one move."""
    scratch = folder / f"{MANIFEST}.part"
    scratch.write_text(json.dumps(manifest.model_dump(), indent=2) + "\n")
    scratch.replace(folder / MANIFEST)
