"""The faces bundle: flips and distances of faces that its generator draws.

LeapFactual, section 4.3 and Table 4 of its paper (there StyleGAN3 and CLIP's labels, 1 024 faces).
SSIM and PSNR on [0, 1] at 1024 pixels, LPIPS (AlexNet) on [-1, 1].
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torchvision.utils import make_grid

from backends import bundles
from backends.bundles import Bundle
from backends.core import Counterfactual, Region
from backends.explain.question import Question, posed
from backends.explain.runner import run
from backends.faces import parsing
from backends.imaging import eight_bit, to_array
from backends.targets.named import target_model
from benchmarks.digits import table
from benchmarks.markdown import RESULTS

SHOWN, CELL = 8, 128  # faces of a contact sheet, and their pixels
PARTS = RESULTS / "faces"
FIRST_SEED = 1_000_000  # the recipe draws from small seeds


@dataclass(frozen=True)
class Faces:
    """w [B, D] and the pictures [B, 3, S, S] in 8 bits."""

    w: Tensor
    x: Tensor


@torch.no_grad()
def drawn(bundle: Bundle, label: int) -> Iterator[Faces]:
    """Faces, one at a time, that the target model gives that label."""
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
            yield Faces(w, x)


def batches(bundle: Bundle, label: int, count: int, size: int) -> Iterator[Faces]:
    """The first ``count`` of :func:`drawn`, ``size`` at a time."""
    faces = islice(drawn(bundle, label), count)
    while some := list(islice(faces, size)):
        yield Faces(torch.cat([face.w for face in some]), torch.cat([face.x for face in some]))


def whole(faces: Faces) -> Tensor:
    """The whole pictures as regions."""
    return torch.ones_like(faces.x[:, :1])


def main() -> None:
    """Print a row for each method, direction and region."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", default="faces")
    parser.add_argument("--count", type=int, default=100, help="faces of each direction")
    parser.add_argument("--few", type=int, default=20, help="faces of methods with gradients")
    parser.add_argument("--batch", type=int, default=10, help="faces at a time")
    parser.add_argument("--sheets", type=Path, help="folder for a contact sheet of each row")
    parser.add_argument("--rows", type=int, nargs="+", help="these alone; the others stay")
    options = parser.parse_args()
    bundle = bundles.find(options.bundle)
    if options.sheets:  # now, for a row takes long
        options.sheets.mkdir(parents=True, exist_ok=True)

    def mouth(faces: Faces) -> Tensor:
        return parsing.region_of(bundle.part("parser").labels(faces.x), "mouth")

    both, some = (0, 1), options.few // 2
    questions = [
        *(
            Change("leapfactual", whole, label, options.count, {"blending_leaps": leaps})
            for leaps in (10, 20)
            for label in both
        ),
        *(Change("leapfactual", mouth, label, options.few) for label in both),
        *(Change("diffeomorphic_gan", whole, label, some) for label in both),
        *(Change("place", whole, label, some) for label in both),
        *(Change("diffeomorphic_gan", whole, label, some, {"steps": 200}, 15) for label in both),
    ]
    for number, question in enumerate(questions, 1):
        if options.rows and number not in options.rows:
            continue
        pairs = list(question.answers(bundle, options.batch))
        keep(number, question.row(bundle, [answer for _, answer in pairs]))
        if options.sheets:
            sheet(pairs).save(options.sheets / f"{number:02}.jpg", quality=88)
    table("faces", [row for _, row in sorted(kept().items())])


def kept() -> dict[int, dict[str, object]]:
    """The rows measured so far: all of them take hours on two cores."""
    return {int(path.stem): json.loads(path.read_text()) for path in PARTS.glob("*.json")}


def keep(number: int, row: dict[str, object]) -> None:
    """Print a row and keep it."""
    print(row, file=sys.stderr, flush=True)
    PARTS.mkdir(parents=True, exist_ok=True)
    (PARTS / f"{number:02}.json").write_text(json.dumps(row, indent=2) + "\n")


def sheet(pairs: list[tuple[Tensor, Counterfactual]]) -> Image.Image:
    """The first faces above what became of them."""
    before, after = (
        torch.cat(pictures)[:SHOWN]
        for pictures in ([x for x, _ in pairs], [answer.image for _, answer in pairs])
    )
    small = F.avg_pool2d(torch.stack([before, after]).flatten(0, 1), before.shape[-1] // CELL)
    return Image.fromarray(to_array(make_grid(small, nrow=len(before), padding=0)[None]))


@dataclass(frozen=True)
class Change:
    """Change faces that the model gives ``label`` to the other class; or, where ``years`` are
    given, make those of the first class older by so much, of the second younger."""

    method: str
    region: Callable[[Faces], Tensor]
    label: int
    count: int
    settings: dict[str, Any] = field(default_factory=dict)
    years: int = 0

    def answers(self, bundle: Bundle, batch: int) -> Iterator[tuple[Tensor, Counterfactual]]:
        """Batches of faces, on the CPU, and what becomes of them."""
        # Each face has an age of its own to pass.
        for faces in batches(bundle, self.label, self.count, 1 if self.years else batch):
            model, part, goal = target_model(bundle), "classifier", 1 - self.label
            if self.years:
                wanted = float(bundle.part("age")(faces.x)) + self._shift
                side, part = "more" if self._shift > 0 else "less", "age"
                model, goal = posed(bundle, part, f"{side} than {wanted:.1f}")
            region = Region(self.region(faces), self.region.__name__)
            target = torch.full((len(faces.x),), goal)
            *_, last = run(Question.of(
                bundle, self.method, faces.x, target, region, self.settings, 0, model, faces.w,
                part=part,
            ))  # fmt: skip
            assert last.counterfactual is not None, "the last step has the answer"
            yield faces.x.cpu(), last.counterfactual

    def row(self, bundle: Bundle, answers: list[Counterfactual]) -> dict[str, object]:
        """What became of the faces."""

        def each(name: str) -> Tensor:
            found = [answer.metrics[name] for answer in answers if name in answer.metrics]
            return torch.cat(found).float() if found else torch.tensor([])

        def mean(values: Tensor) -> float | str:
            return float(values.mean()) if len(values) else "-"

        names = bundle.manifest.class_names
        asked = f"{names[self.label]} → {names[1 - self.label]}"
        return {
            "method": f"`{self.method}`",
            "settings": " ".join(f"{k}={v}" for k, v in self.settings.items()) or "-",
            "asked": f"age {self._shift:+d}" if self.years else asked,
            "region": self.region.__name__,
            "flip rate": mean(torch.cat([answer.flipped for answer in answers]).float()),
            "surer than .99": mean((each("target_probability") > 0.99).float()),
            "oracle agrees": mean((each("oracle_label") == 1 - self.label).float()),
            "changed outside": mean(each("change_outside")),
            "SSIM": mean(each("ssim")),
            "PSNR (dB)": mean(each("psnr")),
            "LPIPS": mean(each("lpips_alex")),
            "density percentile": mean(each("log_density_percentile")),
            "seconds": sum(answer.seconds for answer in answers) / self.count,
            "faces": self.count,
        }

    @property
    def _shift(self) -> int:
        return self.years if self.label == 0 else -self.years


if __name__ == "__main__":
    main()
