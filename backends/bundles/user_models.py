"""Models that people's labels became: they lie beside the program, which may be read-only, and
bundles show them among their own parts.

``models/<bundle>/<model>/model.json`` names the files of its parts by their content, so that one
move of model.json exchanges the whole model: an interrupted retraining leaves the earlier one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from backends.bundles.manifest import Manifest, Part, folder_name
from backends.errors import BadInput, NotFound
from backends.files import atomic_write
from backends.settings import settings

__all__ = [
    "Model",
    "State",
    "bench",
    "checked",
    "find",
    "forget",
    "place",
    "read",
    "root",
    "state",
    "write",
]

RECORD = "model.json"
NAME = re.compile(r"\w(?:[\w -]{0,38}\w)?")
# What methods ask a bundle for: a model of that name would be taken for the part.
KINDS = {"classifier", "oracle", "regressor", "generator", "parser", "segmenter", "people"}

State = tuple[tuple[str, int, int], ...]


class Model(BaseModel):
    """model.json.

    :ivar labels: the label set that it was trained on, ``rows`` how many of its pictures,
        ``skipped`` how many could not be used.
    :ivar source: where the target model itself is, as a reference
        (:mod:`backends.targets.reference`); empty where it is one of the parts, or is known to
        nobody but the program that fitted it.
    :ivar learnt_on: fingerprints of the bundle's parts whose latents it knows.
    """

    name: str
    classes: list[str]
    labels: str
    rows: int
    skipped: int = 0
    settings: dict[str, Any]
    source: str = ""
    learnt_on: dict[str, str]
    parts: dict[str, Part]


def root() -> Path:
    """The folder of all such models; it need not exist. ``STUDIO_MODELS`` moves it."""
    return settings().models


def place(bundle: str) -> Path:
    """Where a bundle's models lie, by the name in its bundle.json."""
    return root() / folder_name(bundle)


def checked(name: str, manifest: Manifest) -> str:
    """The name of a model, if it can be one.

    :raises BadInput: it is no plain name, or a part of the bundle has it.
    """
    name = name.strip()
    if not NAME.fullmatch(name):
        raise BadInput(
            "{name!r} cannot be a model's name; use up to 40 letters, digits, blanks, - and _",
            name=name,
        )
    entries = manifest.parts.values()
    taken = {*manifest.parts, *KINDS, *(kind for p in entries for kind in (p.kind, *p.serves))}
    if name.casefold() in {other.casefold() for other in taken}:
        raise BadInput(
            "the bundle has a part {name!r} already; give the model another name", name=name
        )
    return name


NOTHING: State = ()  # the state where there are no models


def state(bundle: str) -> State:
    """What changes whenever a model comes, changes or goes, in this process or in another."""
    found = []
    try:
        with os.scandir(place(bundle)) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    try:
                        record = os.stat(os.path.join(entry.path, RECORD))
                    except OSError:
                        continue
                    found.append((entry.name, record.st_mtime_ns, record.st_ino))
    except OSError:
        return ()
    return tuple(sorted(found))


def read(bundle: str) -> dict[str, Model]:
    """The bundle's models by name; a record that cannot be understood counts as none."""
    models = {}
    for name, *_ in state(bundle):
        try:
            model = Model.model_validate_json((place(bundle) / name / RECORD).read_bytes())
        except (OSError, ValidationError):
            continue
        plain = all(Path(part.file).name == part.file for part in model.parts.values())
        if model.name == name and NAME.fullmatch(name) and plain and model.parts:
            models[name] = model
    return models


def find(bundle: str, name: str) -> Model | None:
    """One of the bundle's models."""
    return read(bundle).get(name) if NAME.fullmatch(name) else None


def write(bundle: str, model: Model, networks: dict[str, Any]) -> None:
    """Keep a model in place of an earlier one of its name.

    :param networks: by part; their weights are written, and entered into ``model.parts``.
    :raises BadInput: the folder cannot be written.
    """
    from safetensors.torch import save

    folder = place(bundle) / model.name
    parts = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, network in networks.items():
            state_dict = {k: v.contiguous().cpu() for k, v in network.state_dict().items()}
            content = save(state_dict)
            sha256 = hashlib.sha256(content).hexdigest()
            file = f"{model.parts[name].kind}-{sha256[:12]}.safetensors"
            with atomic_write(folder / file) as scratch:
                scratch.write_bytes(content)
            parts[name] = model.parts[name].model_copy(update={"file": file, "sha256": sha256})
        whole = model.model_copy(update={"parts": parts})
        with atomic_write(folder / RECORD) as scratch:
            scratch.write_text(whole.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise _unwritable(folder, error) from error
    kept = {RECORD, *(part.file for part in parts.values())}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink(missing_ok=True)


def bench(bundle: str, name: str, key: str) -> Path:
    """A folder for what an unfinished retraining may be resumed from; others' are removed.

    :param key: of what it belongs to: another key, another beginning.
    :raises BadInput: the folder cannot be written.
    """
    work = place(bundle) / f".{name}"
    try:
        (work / key).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(work, error) from error
    for path in work.iterdir():
        if path.name != key:
            shutil.rmtree(path, ignore_errors=True)
    return work / key


def _unwritable(folder: Path, error: OSError) -> BadInput:
    return BadInput(
        "{folder} cannot be written ({strerror}); set STUDIO_MODELS to a folder that can",
        folder=folder,
        strerror=error.strerror,
    )


def forget(bundle: str, name: str) -> None:
    """Delete a model of the bundle, and what an unfinished retraining left.

    :raises NotFound: there is none of that name.
    """
    folder, work = place(bundle) / name, place(bundle) / f".{name}"
    if not NAME.fullmatch(name) or not (folder.is_dir() or work.is_dir()):
        known = ", ".join(read(bundle)) or "none"
        raise NotFound(
            "there is no trained model {name!r}; there are: {known}", name=name, known=known
        )
    # Without its record it is gone for everybody, even where its files cannot all be removed.
    (folder / RECORD).unlink(missing_ok=True)
    for path in (folder, work):
        shutil.rmtree(path, ignore_errors=True)
