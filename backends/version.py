"""The version of this program."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["studio_version"]

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def studio_version() -> str:
    """The installed package's version; in a checkout that is not installed, pyproject.toml's."""
    try:
        return version("counterfactual-studio")
    except PackageNotFoundError:
        found = re.search(r'^version = "(.+)"$', PROJECT.read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else "unknown"
