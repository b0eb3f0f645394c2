"""Read, check and write bundles: a folder with bundle.json and safetensors parts."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from backends import registry
from backends.bundles import added_parts, user_models
from backends.bundles.manifest import (
    MANIFEST,
    Manifest,
    Part,
    read_manifest,
)
from backends.bundles.networks import Networks, NotNumbers, Unfit, load_network
from backends.bundles.problems import not_fetched, unusable
from backends.compute import devices
from backends.errors import MissingPart, NotFound
from backends.fetching import cache
from backends.fetching.cache import checksum
from backends.fetching.source import Source
from backends.files import atomic_write
from backends.settings import settings

__all__ = ["ASSETS", "ORACLE", "Bundle", "find", "get", "installed", "write_manifest",
           "write_part"]  # fmt: skip

ORACLE = "oracle"  # the part that judges; it can be asked as a model, too, and judges nothing then

_ROOT = Path(__file__).resolve().parents[1]
# Beside the package in a checkout, inside of it when it was installed.
ASSETS = next((p for p in (_ROOT / "assets", _ROOT.parent / "assets") if p.is_dir()), _ROOT)


class Bundle:
    """One domain. Parts are loaded when first asked for, onto one device, and shared from then on.

    :param folder: where bundle.json lies.
    :param device: where its parts compute; as the switch says (:mod:`backends.compute.devices`)
        unless given.
    :raises NotFound: there is none.
    :raises BadInput: it cannot be read.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self.folder = folder
        self._device = device
        self._loaded = Networks()
        if not os.path.isfile(folder / MANIFEST):  # False for a name that is too long, too
            raise NotFound(
                "no bundle at {folder}: it has no {manifest}; installed bundles are: {value}",
                folder=folder,
                manifest=MANIFEST,
                value=", ".join(installed()) or "none",
            )
        self.own = read_manifest(folder)
        self._models: dict[str, user_models.Model] = {}
        self._overlaid = self.own
        self._state: tuple[added_parts.State, user_models.State] = ((), user_models.NOTHING)

    @property
    def manifest(self) -> Manifest:
        """bundle.json with the published checkpoints that were added
        (:mod:`backends.bundles.added_parts`), and as further parts the models that people's
        labels became (:mod:`backends.bundles.user_models`), as they are now."""
        self._refresh()
        return self._overlaid

    def _refresh(self) -> None:
        """Take in what came, changed or went since, and let go of networks that it outdated."""
        name = self.own.name
        state = added_parts.state(name), user_models.state(name)
        if state == self._state:
            return
        models = user_models.read(name)
        parts = self.own.parts | added_parts.read(name)
        for model_name, model in models.items():
            folder = user_models.place(name) / model_name
            for part, entry in model.parts.items():
                # The bundle may have gained a part since; its own come first.
                here = entry.model_copy(update={"file": str(folder / entry.file)})
                parts.setdefault(part, here)
        self._loaded.drop_outdated(self._overlaid.parts, parts)
        self._models = models
        self._overlaid = self.own.model_copy(update={"parts": parts})
        self._state = state

    def model(self, name: str) -> user_models.Model | None:
        """The record of a target model that people's labels became; None for the bundle's own."""
        self._refresh()
        return None if name in self.own.parts else self._models.get(name)

    @property
    def outside(self) -> list[str]:
        """The models that were fitted to this bundle and lie elsewhere."""
        self._refresh()
        return [name for name, model in self._models.items() if model.source]

    def fitted(self, source: str) -> str:
        """The name of the model that was fitted to this bundle from ``source``; empty for none."""
        self._refresh()
        return next((name for name, m in self._models.items() if m.source == source), "")

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
        self._refresh()
        if name not in self._loaded:
            network = self._load(name)
            self._loaded.keep(name, network, devices.part_budget(self.device))
            return network
        return self._loaded[name]

    def named(self, kind: str, model: str = "classifier") -> str:
        """The part that is used as ``kind`` where ``model`` is explained: that which learnt the
        model's classes, or one that learnt none; the kind itself where there is none."""
        parts = self.manifest.parts
        fits = [n for n, p in parts.items() if kind in (n, p.kind, *p.serves)]
        order = [n for wanted in (model, None) for n in fits if parts[n].model == wanted]
        return order[0] if order else kind

    @property
    def generator(self) -> str | None:
        """The part that draws pictures from nothing, if it is here."""
        for name, part in self.manifest.parts.items():
            if part.kind == "generator" and self.problem(name) is None:
                return name
        return None

    @property
    def sampler(self) -> str | None:
        """The part that draws new pictures: the generator, or else the GAN; None without either."""
        gan = self.named("gan")
        return self.generator or (gan if self.problem(gan) is None else None)

    def classes(self, model: str) -> list[str]:
        """What a target model can say; of a regressor, and of one that is not here, nothing."""
        if fitted := self.model(model):
            return fitted.classes
        part = self.manifest.parts.get(model)
        own = self.manifest.class_names if model == "classifier" else []
        return (part.classes if part else None) or own

    def model_of(self, classes: list[str]) -> str:
        """The first target model that says just these classes; empty where none does."""
        names = ("classifier", *self.manifest.parts)
        return next((name for name in names if self.classes(name) == classes), "")

    def learnt(self, name: str) -> str:
        """The target model whose classes a part learnt."""
        return self.manifest.parts[name].model or "classifier"

    def problem(self, name: str) -> str | None:
        """Why a part cannot be used, in one sentence; None when its file is whole."""
        self._refresh()
        if name in self._loaded:
            return None
        return not_fetched(self, name) if name in self.fetchable else unusable(self, name)

    @cached_property
    def trainable(self) -> list[str]:
        """Names of the parts that this program's recipe for the bundle trains."""
        if self.manifest.recipe not in registry.COOKBOOKS:
            return []
        recipes = registry.cookbook(self.manifest.recipe).recipes
        return [*recipes, *(other for recipe in recipes.values() for other in recipe.also)]

    @property
    def fetchable(self) -> dict[str, Source]:
        """The parts that are published elsewhere and did not come with the bundle."""
        return {
            name: part.source
            for name, part in self.manifest.parts.items()
            if part.source and not (part.sha256 and self.has(part))
        }

    def has(self, part: Part) -> bool:
        """Whether a part's own file is in the folder, and whole; a part without one is as it is."""
        if not part.file:
            return True
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
        part = self.manifest.parts.get(name)
        return part.sha256 if part else ""

    def test_pictures(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The test pictures that came with the bundle, uint8 [N, H, W, C], and their labels int64
        [N]; None where none did.

        :raises MissingPart: their file is missing or damaged.
        """
        entry = self.manifest.test
        if entry is None:
            return None
        path = self.folder / entry.file
        if not path.is_file() or checksum(path) != entry.sha256:
            raise MissingPart(
                "{file} of bundle {name!r} is missing or damaged; fetch the bundle again, or "
                "give --data a folder with MNIST's idx files",
                file=entry.file,
                name=self.name,
            )
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["pictures"], arrays["labels"].astype(np.int64)

    @property
    def pull_command(self) -> str:
        """What a person types to fetch the bundle's parts."""
        return f"python -m studio bundles pull {self._typed_name}"

    @property
    def add_command(self) -> str:
        """What a person types to add a published checkpoint."""
        return f"python -m studio bundles add {self._typed_name} FILE"

    @property
    def _typed_name(self) -> str:
        """The bundle's name, where that finds it, else its folder; quoted for a shell."""
        return shlex.quote(self.name if self.folder == ASSETS / self.name else self.typed_folder)

    @property
    def typed_folder(self) -> str:
        """The folder as a person would type it from here; its name, where that finds it."""
        if self.folder == settings().bundles / self.name:
            return self.name
        here = Path.cwd()
        return str(self.folder.relative_to(here) if here in self.folder.parents else self.folder)

    def _load(self, name: str) -> Any:
        problem = self.problem(name)
        if problem:
            raise MissingPart(problem)
        again = "fetch the bundle again"
        if name in self.fetchable:
            again = f"remove {self.path(name)} and run: {self.pull_command}"
        whose = f"{self.manifest.parts[name].file} of bundle {self.name!r}"
        try:
            return load_network(self.manifest.parts[name], self.path(name), self.device)
        except ImportError as error:
            raise MissingPart(
                "part {name!r} needs the package {name_2!r}; run: pip install {name_2}",
                name=name,
                name_2=error.name,
            ) from error
        except Unfit as error:
            raise MissingPart(
                "{whose} does not fit {error}; {again}", whose=whose, error=error, again=again
            ) from error
        except NotNumbers as error:
            raise MissingPart(
                "{whose} holds weights that are no numbers (NaN, in {error}); {again}, or train "
                "it anew",
                whose=whose,
                error=error,
                again=again,
            ) from error


def installed() -> list[str]:
    """Names of the bundles that came with the program, and of those that a person made."""
    places = (ASSETS, settings().bundles)
    return sorted({path.parent.name for place in places for path in place.glob(f"*/{MANIFEST}")})


def find(name: str) -> Bundle:
    """The bundle of that name, or in that folder."""
    for place in (ASSETS, settings().bundles):
        if os.path.isfile(place / name / MANIFEST):
            return Bundle(place / name)
    return Bundle(Path(name))


def get(name: str) -> Bundle:
    """Open the bundle of that name, or in that folder; the same object for the same name, as long
    as the switch of devices says the same."""
    return _open(name, os.environ.get(devices.SWITCH, ""))


@lru_cache(maxsize=8)
def _open(name: str, device: str) -> Bundle:
    return find(name)


def write_part(
    folder: Path,
    manifest: Manifest,
    name: str,
    network: Any,
    part: Part,
    *,
    also: Mapping[str, str] | None = None,
    half: bool = False,
) -> None:
    """Save a network and enter it into bundle.json, which stays as it is but for the part; other
    parts' entries are kept as they stand on disk, so that two trainings may write into one folder.

    :param manifest: of the bundle, where the folder has none yet.
    :param also: further parts of the same file, by name their architecture.
    :param half: whether weights, but no buffers, are stored in 16 bits.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / part.file
    weights = {name for name, _ in network.named_parameters()} if half else set()
    state = {k: v.half() if k in weights else v for k, v in network.state_dict().items()}
    with atomic_write(path) as scratch:
        save_file({k: v.contiguous().cpu() for k, v in state.items()}, scratch)
    part = part.model_copy(update={"sha256": checksum(path)})
    parts = {name: part}
    for other, architecture in (also or {}).items():
        parts[other] = part.model_copy(update={"kind": other, "architecture": architecture})
    stored = read_manifest(folder) if (folder / MANIFEST).is_file() else manifest
    write_manifest(folder, stored.model_copy(update={"parts": stored.parts | parts}))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write bundle.json in one move; bundles are opened anew then."""
    with atomic_write(folder / MANIFEST) as scratch:
        scratch.write_text(json.dumps(manifest.model_dump(), indent=2) + "\n")
    _open.cache_clear()  # what is open holds the parts of before
