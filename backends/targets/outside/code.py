"""A model in a person's own Python file, which runs only where :mod:`backends.targets.trust` lets
it."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from functools import reduce
from pathlib import Path
from typing import Any

from torch import nn

from backends.errors import BadInput, NotFound
from backends.targets.outside.network import Outside, of_object
from backends.targets.reference import Reference
from backends.targets.trust import is_trusted

__all__ = ["code"]


def code(reference: Reference, size: int, channels: int) -> Outside:
    """``FILE.py:NAME``: a torch module, a scikit-learn classifier, a function of pictures, or a
    function or class without arguments that makes one.

    :param size: side in pixels of the pictures that it will be shown.
    :param channels: of those pictures.
    :raises BadInput: code is not to run here, it fails, or NAME is no model.
    :raises NotFound: there is no such file, or no such name in it.
    """
    if not is_trusted():
        raise BadInput(
            "{reference} would run code; explain it on the command line or in Python, or open "
            "the page with it: studio serve --model {reference}",
            reference=reference,
        )
    path = Path(reference.name).expanduser()
    if not path.is_file():
        raise NotFound("there is no file {path}; check its name", path=path)
    try:
        found = reduce(getattr, reference.attribute.split("."), _imported(path))
    except AttributeError as error:
        raise NotFound(
            "{name} has no {attribute!r}; check its name",
            name=path.name,
            attribute=reference.attribute,
        ) from error
    try:
        made = found() if _makes(found) else found
    except Exception as error:  # the person's code may raise anything
        raise BadInput(
            "{attribute} of {name} failed: {error!r}",
            attribute=reference.attribute,
            name=path.name,
            error=error,
        ) from error
    return of_object(made, reference.options, name=str(reference), size=size, channels=channels)


def _imported(path: Path) -> Any:
    """The file as a module, with its own folder to import from."""
    name = f"_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadInput("{path} cannot be run: {error!r}", path=path, error=error) from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _makes(found: Any) -> bool:
    """Whether it is called without arguments to make the model."""
    if isinstance(found, nn.Module) or not callable(found):
        return False
    if hasattr(found, "predict") and not inspect.isclass(found):
        return False
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return False
    required = [
        p for p in parameters
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]  # fmt: skip
    return not required
