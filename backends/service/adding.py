"""Published checkpoints become parts of a bundle: recognised, checked, kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends import bundles, registry
from backends.bundles import Part, added_parts
from backends.errors import BadInput
from backends.fetching import pipelines

if TYPE_CHECKING:
    from backends.conversion.add_settings import AddConfig
    from backends.conversion.published import Published

__all__ = ["Added", "Addition", "recognise", "remove"]


@dataclass(frozen=True)
class Added:
    """A part that was added, or would be.

    :ivar title: what it was recognised as.
    :ivar parameters: how many numbers it has, of 4 bytes each.
    """

    part: str
    title: str
    parameters: int
    licence: str


@dataclass(frozen=True)
class Addition:
    """A checkpoint that was recognised and fits; :meth:`keep` makes its parts the bundle's."""

    bundle: str
    found: list[Published]

    @property
    def parts(self) -> list[Added]:
        """What it holds."""
        return [
            Added(
                item.kind, item.title,
                sum(tensor.numel() for tensor in item.tensors.values()), item.licence,
            )
            for item in self.found
        ]  # fmt: skip

    def keep(self) -> Iterator[Added]:
        """Write the parts, which take the place of the bundle's own; yield each when it is kept.

        :raises BadInput: their folder cannot be written.
        """
        for item, added in zip(self.found, self.parts, strict=True):
            part = Part(
                kind=item.kind, architecture=item.architecture, arguments=item.arguments, file="",
                licence=item.licence,
            )  # fmt: skip
            added_parts.write(self.bundle, item.kind, part, item.tensors)
            yield added


def recognise(name: str, source: str, config: AddConfig) -> Addition:
    """Read a checkpoint, and check that a bundle can take it; nothing is kept yet.

    :param source: a file, a folder in diffusers' layout, or owner/name on the model hub.
    :raises StudioError: it is not there, is none of the known layouts, or knows other classes.
    """
    from backends.conversion.published import read

    bundle = bundles.find(name)
    manifest = bundle.manifest
    found = read(pipelines.folder(source), manifest.image_size, config)
    for item in found:
        _check(item, len(manifest.class_names), manifest.channels)
    return Addition(bundle.own.name, found)


def remove(name: str, part: str) -> None:
    """Delete a part that was added; a bundle's own takes its place again.

    :raises BadInput: none was added as that.
    """
    added_parts.forget(bundles.find(name).own.name, part)


def _check(item: Published, classes: int, channels: int) -> None:
    """Whether the architecture takes all tensors and no others, and the bundle its classes.

    :raises BadInput: it does not.
    """
    import torch

    if item.classes not in (None, classes):
        raise BadInput(
            "{title} learnt {classes} classes and the bundle has {classes_2}; add it to "
            "a bundle with its own classes",
            title=item.title,
            classes=item.classes,
            classes_2=classes,
        )
    if item.channels not in (None, channels):
        raise BadInput(
            "{title} takes pictures of {channels} channels and the bundle has {channels_2}",
            title=item.title,
            channels=item.channels,
            channels_2=channels,
        )
    try:
        with torch.device("meta"):  # the names and shapes are enough
            network = registry.architecture(item.architecture)(**item.arguments)
        network.load_state_dict(item.tensors, assign=True)
    except (RuntimeError, TypeError, ValueError) as error:
        raise BadInput(
            "the file's tensors are not those of {title} as it was published", title=item.title
        ) from error
