"""Published files, once they are here and checked, become a part of the person's cache."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from backends import registry
from backends.errors import MissingPart, StudioError
from backends.fetching import cache
from backends.files import atomic_write

if TYPE_CHECKING:
    from backends.bundles import Bundle

__all__ = ["convert", "move_in"]


def convert(bundle: Bundle, name: str, files: dict[str, Path], origin: str) -> None:
    """The published files -> safetensors in the cache, with a record of their ``origin``.

    :param files: by base name, as the part's converter wants them.
    :raises MissingPart: they cannot be converted, or a package is needed for it.
    """
    from safetensors.torch import save_file

    converter = registry.converter(bundle.fetchable[name].converter)
    try:
        tensors = converter(files)
    except StudioError:
        raise
    except ImportError as error:
        raise MissingPart(
            "part {name!r} needs the package {name_2!r} to be converted; run: pip install {name_2}",
            name=name,
            name_2=error.name,
        ) from error
    except (KeyError, ValueError, TypeError, RuntimeError, OSError) as error:
        raise MissingPart(
            "part {name!r} cannot be converted from {files}: {error}",
            name=name,
            files=", ".join(files),
            error=error,
        ) from error
    # Tensors that share memory cannot be stored, so each gets its own.
    whole = {key: tensor.detach().clone().contiguous().cpu() for key, tensor in tensors.items()}
    move_in(bundle.path(name), lambda scratch: save_file(whole, scratch), bundle, name, origin)


def move_in(
    path: Path, write: Callable[[Path], object], bundle: Bundle, name: str, origin: str
) -> None:
    """Let ``write`` make a part's file; killed at any moment, it leaves the file whole or damaged
    in a way that its record shows."""
    with atomic_write(path) as scratch:
        write(scratch)
        cache.remember(path, cache.digest(scratch), bundle.fetchable[name], origin)
        # safetensors lets nobody else read, but a laboratory may share one cache.
        shutil.copymode(path.with_suffix(".json"), scratch)
