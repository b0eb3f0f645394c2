"""The faces bundle: flips and distances of faces that its generator draws.

LeapFactual, section 4.3 and Table 4 of its paper (there StyleGAN3 and CLIP's labels, 1 024 faces).
SSIM and PSNR on [0, 1] at 1024 pixels, LPIPS (AlexNet) on [-1, 1].
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from backends import bundles
from backends.bundles import Bundle
from backends.core import Counterfactual, Region
from backends.imaging import eight_bit
from backends.regions import parsing
from backends.runner import run, target_model
from benchmarks.digits import table

FIRST_SEED = 1_000_000  # the recipe draws from small seeds


@dataclass(frozen=True)
class Face:
    """w [1, D] and the picture [1, 3, S, S] in 8 bits."""

    w: Tensor
    x: Tensor


@torch.no_grad()
def faces(bundle: Bundle, label: int) -> Iterator[Face]:
    """Drawn faces that the target model gives that label."""
    network, f = bundle.part("generator"), bundle.part("classifier")
    seed = FIRST_SEED
    while True:
        w = network.sample_w(1, torch.Generator().manual_seed(seed))
        seed += 1
        # The small picture tells most of those apart that are not wanted.
        if f(network.preview(w, 64)).argmax(1) != label:
            continue
        x = eight_bit(network.decode(w))
        if f(x).argmax(1) == label:
            yield Face(w, x)


def whole(face: Face) -> Tensor:
    """The whole picture as a region."""
    return torch.ones_like(face.x[:, :1])


def main() -> None:
    """Print a row for each method, direction and region."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", default="faces")
    parser.add_argument("--count", type=int, default=100, help="faces of each direction")
    parser.add_argument("--few", type=int, default=20, help="faces of methods with gradients")
    options = parser.parse_args()
    bundle = bundles.find(options.bundle)

    def mouth(face: Face) -> Tensor:
        labels = bundle.part("parser").labels(face.x)
        return parsing.mask_of(labels, parsing.named("mouth"), dilation=24)

    both, some = (0, 1), options.few // 2
    questions = [
        *(
            Question("leapfactual", whole, label, options.count, {"blending_leaps": leaps})
            for leaps in (10, 20)
            for label in both
        ),
        *(Question("leapfactual", mouth, label, options.few) for label in both),
        *(Question("diffeomorphic_gan", whole, label, some) for label in both),
        *(Question("place", whole, label, some) for label in both),
        *(Question("diffeomorphic_gan", whole, label, some, years=15) for label in both),
    ]
    rows = []
    for question in questions:
        rows.append(question.row(bundle))
        print(rows[-1], file=sys.stderr, flush=True)
    table("faces", rows)


@dataclass(frozen=True)
class Question:
    """Faces that the model gives ``label`` shall get the other class; or, where ``years`` are
    given, those of the first class become older by so much, of the second younger."""

    method: str
    region: Callable[[Face], Tensor]
    label: int
    count: int
    settings: dict[str, Any] = field(default_factory=dict)
    years: int = 0

    def row(self, bundle: Bundle) -> dict[str, object]:
        """What became of them."""
        found = [
            self._answer(bundle, face) for face in islice(faces(bundle, self.label), self.count)
        ]

        def mean(name: str) -> float | str:
            if name not in found[0].metrics:
                return "-"
            return float(torch.cat([answer.metrics[name] for answer in found]).mean())

        names = bundle.manifest.class_names
        asked = f"{names[self.label]} → {names[1 - self.label]}"
        return {
            "method": f"`{self.method}`",
            "settings": " ".join(f"{k}={v}" for k, v in self.settings.items()) or "-",
            "asked": f"age {self._shift:+d}" if self.years else asked,
            "region": self.region.__name__,
            "flip rate": float(torch.cat([answer.flipped for answer in found]).float().mean()),
            "target's probability": mean("target_probability"),
            "changed outside": mean("change_outside"),
            "SSIM": mean("ssim"),
            "PSNR (dB)": mean("psnr"),
            "LPIPS": mean("lpips_alex"),
            "density percentile": mean("log_density_percentile"),
            "seconds": sum(answer.seconds for answer in found) / self.count,
            "faces": self.count,
        }

    @property
    def _shift(self) -> int:
        return self.years if self.label == 0 else -self.years

    def _answer(self, bundle: Bundle, face: Face) -> Counterfactual:
        model, goal = target_model(bundle), 1 - self.label
        if self.years:
            wanted = float(bundle.part("age")(face.x)) + self._shift
            goal = int(self._shift > 0)
            model = target_model(bundle, "age", f"{'more' if goal else 'less'} than {wanted:.1f}")
        region = Region(self.region(face), self.region.__name__)
        target = torch.tensor([goal])
        *_, last = run(
            bundle, self.method, face.x, target, region, self.settings, 0, model, face.w
        )  # fmt: skip
        return last.counterfactual


if __name__ == "__main__":
    main()
