"""A bundle of tiny random faces that knows words and clicks, for the page's tests and journeys."""

from pathlib import Path

import torch

from backends import registry
from backends.bundles import Manifest, Part, write_part
from backends.service import regions as region_service
from tests.backends.priors.stylegan import test_anchored
from tests.backends.service.test_regions import SAM, write_grounding

__all__ = ["SIDE", "write_faces"]

SIDE = 128
PARSER = ("parser", "bisenet", {"size": 32, "width": 8}, {})
SEGMENTER = ("segmenter", "segment_anything", SAM, {})


def write_faces(folder: Path, without: tuple[str, ...] = ()) -> str:
    """Write it; returns the folder as a bundle's name."""
    manifest = Manifest(
        name="tiny faces", title="Tiny faces", description="Random weights.", image_size=SIDE,
        channels=3, class_names=["no", "yes"], licence="Apache-2.0",
    )  # fmt: skip
    parts = test_anchored.PARTS | {"parser": PARSER, "segmenter": SEGMENTER}
    for seed, (name, (kind, architecture, arguments, more)) in enumerate(parts.items()):
        if name in without:
            continue
        torch.manual_seed(seed)
        network = registry.architecture(architecture)(**arguments)
        part = Part(
            kind=kind, architecture=architecture, arguments=arguments,
            file=f"{name}.safetensors", licence="Apache-2.0", **more,
        )  # fmt: skip
        write_part(folder, manifest, name, network, part)
    write_grounding(folder / region_service.DETECTOR)
    return str(folder)
