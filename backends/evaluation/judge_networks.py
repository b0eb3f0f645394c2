"""What networks that no method sees make of pictures: Inception, dlib's face descriptor, SimSiam.

The first two are parts of a bundle that every bundle's evaluations share, used where they were
fetched; SimSiam's weights a person gives as a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backends import bundles
from backends.bundles import Bundle
from backends.compute.devices import paced, placed
from backends.compute.oom import guarded
from backends.conversion import simsiam
from backends.fetching.cache import checksum

__all__ = ["FACE", "FEATURES", "INCEPTION", "SHARED", "SIMSIAM", "STORED", "JudgeNetworks"]

SHARED = "judges"  # the bundle whose parts every bundle's evaluations may use
FACE, INCEPTION, SIMSIAM = "face", "inception", "simsiam"
FEATURES = 2048  # of Inception's, before the spatial ones
BATCH = 20  # pictures that a network sees at once
STORED = "view_"  # and the name of a view

Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class JudgeNetworks:
    """The networks that can be asked about a bundle's pictures.

    :param checkpoint: of SimSiam; None leaves it out.
    """

    found: Bundle
    checkpoint: Path | None = None

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Those that are here, and what tells their weights from others.

        :raises BadInput: the checkpoint is none.
        """
        shared = bundles.get(SHARED)
        wanted = {INCEPTION: "inception"}
        if self.found.manifest.preparation == "portrait":
            wanted[FACE] = "face_descriptor"
        here = {
            name: shared.fingerprint(part)
            for name, part in wanted.items()
            if not shared.problem(part)
        }
        if self.checkpoint is not None:
            self._network(SIMSIAM)
            here[SIMSIAM] = checksum(self.checkpoint)
        return here

    def stored(self, image: Tensor) -> dict[str, np.ndarray]:
        """What each of them makes of pictures [B, C, H, W] in [0, 1], as they are in 8 bits,
        float32 [B, D], by the name that it is stored under."""
        return {f"{STORED}{name}": self.of(name, image).numpy() for name in self.names}

    @torch.no_grad()
    def of(self, name: str, image: Tensor) -> Tensor:
        """What one of them makes of pictures, float32 [B, D] on the CPU."""
        network, device = self._network(name), self.found.device
        exact = (image.clamp(0, 1) * 255).round() / 255

        def seen() -> Iterator[Tensor]:
            for some in exact.split(BATCH):
                yield network(some.to(device)).float().cpu()

        with guarded(device):
            # One thread: sums of several differ in their last digits from machine to machine.
            return torch.cat(list(paced(seen(), 0, device)))

    def _network(self, name: str) -> Network:
        if name == INCEPTION:
            network = bundles.get(SHARED).part("inception")
            return lambda x: torch.cat(network(x), dim=1)
        if name == FACE:
            part: Network = bundles.get(SHARED).part("face_descriptor")
            return part
        return self._simsiam

    @cached_property
    def _simsiam(self) -> Network:
        assert self.checkpoint is not None
        return placed(simsiam.read(self.checkpoint), self.found.device)
