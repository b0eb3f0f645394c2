"""What advances runs: in this process (inline), in one device thread (local), on cards that
ZeroGPU lends (zero), or on the workers of a Ray cluster (ray)."""

from __future__ import annotations

from collections.abc import Sequence

from backends.errors import BadInput
from backends.settings import settings
from studio.engines.budgets import Budgets
from studio.engines.core import Engine
from studio.engines.local import LocalEngine
from studio.engines.ray import RayEngine
from studio.engines.zero import ZeroEngine, is_zero

__all__ = ["ENGINES", "opened", "require_engine"]

ENGINES = ("auto", "local", "ray", "zero")


def require_engine(name: str, among: Sequence[str] = ENGINES) -> None:
    """Check ``--engine``.

    :raises BadInput: there is none of that name.
    """
    if name not in among:
        raise BadInput(
            "there is no engine {name!r}; choose from: {among}", name=name, among=", ".join(among)
        )


def opened(name: str, ahead: Sequence[str] = (), budgets: Budgets | None = None) -> Engine:
    """Start an engine; ``auto`` is zero on a Space with ZeroGPU, else local.

    :param ahead: names of the bundles that visitors will ask about first.
    :param budgets: of the people whose jobs it will do.
    :raises BadInput: there is none of that name.
    :raises MissingPart: it needs a package that is not installed.
    """
    require_engine(name)
    if name == "ray":
        return RayEngine(ahead, budgets)
    zero = name == "zero" or (name == "auto" and is_zero())
    return ZeroEngine(ahead, budgets) if zero else LocalEngine(settings().step_seconds, budgets)
