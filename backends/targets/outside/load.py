"""From a reference to a network, once: the same file is not read again until it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from backends.compute.oom import guarded
from backends.targets.outside import code as own
from backends.targets.outside import files, libraries
from backends.targets.outside.network import Outside
from backends.targets.reference import Reference

__all__ = ["load"]

BUNDLES = ("bundle",)  # ?classes=bundle


def load(
    reference: Reference, *, size: int, channels: int, classes: Sequence[str], device: str = "cpu"
) -> Outside:
    """Return the network that a reference names.

    :param size: side in pixels of the pictures that it will be shown.
    :param channels: of those pictures, 1 or 3.
    :param classes: the bundle's, for ``?classes=bundle`` and for prompts.
    :raises StudioError: it is not here, cannot be read, or is no classifier.
    """
    if reference.options.classes == BUNDLES:
        options = reference.options.model_copy(update={"classes": tuple(classes)})
        reference = replace(reference, options=options)
    with guarded(device):
        if reference.kind == "code":  # may be another each time, and is asked for leave each time
            return own.code(reference, size, channels).to(device)
        return _loaded(reference, _stamp(reference), size, channels, tuple(classes), device)


@lru_cache(maxsize=4)
def _loaded(
    reference: Reference, stamp: tuple[int, int], size: int, channels: int,
    classes: tuple[str, ...], device: str,
) -> Outside:  # fmt: skip
    match reference.kind:
        case "torchvision":
            found = libraries.torchvision(reference)
        case "timm":
            found = libraries.timm(reference)
        case "hf":
            found = libraries.hf(reference)
        case "clip":
            found = libraries.clip(reference, classes)
        case "export":
            found = files.export(reference, size, channels)
        case "script":
            found = files.script(reference, size, channels)
        case _:
            found = files.onnx(reference, size, channels)
    return found.to(device)


def _stamp(reference: Reference) -> tuple[int, int]:
    """What changes when the file does."""
    path = reference.file
    if path is None or not path.is_file():
        return 0, 0
    found = path.stat()
    return found.st_mtime_ns, found.st_size
