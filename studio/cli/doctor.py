"""What this machine has and what is missing."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from backends import bundles, settings
from backends.compute import devices
from backends.errors import StudioError

__all__ = ["findings"]

PACKAGES = (
    "torch", "torchvision", "gradio", "diffusers", "captum", "scikit-learn", "torchdiffeq",
    "safetensors", "pydantic", "numpy", "pillow", "matplotlib",
)  # fmt: skip


def findings() -> Iterator[str]:
    """Lines to print: Python, packages, device, bundles and their parts."""
    yield f"python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores"
    for package in PACKAGES:
        try:
            yield f"ok       {package} {version(package)}"
        except PackageNotFoundError:
            yield f"missing  {package}: run pip install {package}"
    try:
        yield f"ok       device: {devices.describe(devices.current())}"
    except StudioError as error:
        yield f"broken   device: {error} (set {devices.SWITCH})"
    free = shutil.disk_usage(bundles.ASSETS).free / 1e9
    yield f"{'ok      ' if free > 1 else 'low     '} {free:.0f} GB free on disk"
    try:
        for name, value, origin in settings.rows():
            yield f"ok       {name:16} {value} ({origin})"
    except StudioError as error:
        yield f"broken   settings: {error}"
    for name in bundles.installed():
        try:
            bundle = bundles.find(name)
        except StudioError as error:
            yield f"broken   bundle {name}: {error}"
            continue
        for part in bundle.manifest.parts:
            problem = bundle.problem(part)
            state = "to fetch" if part in bundle.fetchable else "broken  "
            yield f"{state if problem else 'ok      '} bundle {name}, part {part}" + (
                f": {problem}" if problem else ""
            )
