"""The tables of Cao et al.: LeapFactual, Reliable Visual Counterfactual Explanation Using
Conditional Flow Matching, NeurIPS 2025."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc

from backends import bundles
from backends.bundles import Bundle
from backends.core import Region, Step
from backends.evaluation.features import stroke_tables
from backends.metrics.lpips import lpips_squeeze
from backends.metrics.morphometry import Morphometry
from backends.metrics.ssim import psnr, ssim
from benchmarks.digits import eight_bit_steps, questions
from benchmarks.papers.faces import leaps
from benchmarks.papers.tables import Options, PaperTable, Row, beside, sentences

__all__ = ["TABLES"]

PAPER = "LeapFactual"
ASKED: list[tuple[str, str, dict[str, object]]] = [
    ("opt", "Opt-based", {}),
    ("conditional_vae", "CGM-based", {}),
    ("leapfactual", "LeapFactual", {}),
]
RELIABLE = "LeapFactual_R"
FIGURES = {  # of table 2, in the order of its columns
    "ACC": ("0.8277 ± 0.0071", "0.9422 ± 0.0045", "0.9868 ± 0.0026", "0.9906 ± 0.0016"),
    "AUC": ("0.8814 ± 0.0061", "0.9979 ± 0.0002", "0.9990 ± 0.0002", "0.9999 ± 0.0000"),
    "D(Area)": ("0.2475 ± 0.0040", "0.2556 ± 0.0026", "0.1665 ± 0.0035", "0.2295 ± 0.0056"),
    "D(Length)": ("0.2472 ± 0.0039", "0.2999 ± 0.0017", "0.2128 ± 0.0039", "0.2732 ± 0.0029"),
    "D(Slant)": ("4.3667 ± 0.2430", "3.4613 ± 0.1783", "2.5026 ± 0.2554", "3.3144 ± 0.3352"),
    "D(Thickness)": ("0.1724 ± 0.0031", "0.0859 ± 0.0014", "0.0807 ± 0.0011", "0.0895 ± 0.0020"),
    "D(Width)": ("0.2912 ± 0.0033", "0.3069 ± 0.0012", "0.2061 ± 0.0039", "0.2784 ± 0.0039"),
    "D(Height)": ("0.0620 ± 0.0005", "0.0288 ± 0.0003", "0.0265 ± 0.0007", "0.0303 ± 0.0007"),
}
# Galaxy10's blending leaps, after the digits' own.
BLENDING, GALAXY_BLENDING = (2, 5, 10, 15, 20, 30, 100, 250), 250
INJECTION = (0, 5, 15, 25, 35)
GALAXY: dict[str, object] = {
    "blending_size": 0.1, "injection_lift": 1.0, "injection_land": 1.025, "condition": "hard",
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What classifier and oracle say of counterfactuals [N, C, H, W] with targets [N]."""

    image: Tensor
    target: Tensor
    bundle: Bundle

    def of(self, judge: str) -> dict[str, float]:
        """Accuracy and macro one-vs-rest AUROC against the targets."""
        with torch.no_grad():
            network = self.bundle.part(judge)
            p = torch.cat(
                [network(x.to(self.bundle.device)).softmax(1).cpu() for x in self.image.split(100)]
            )
        acc = (p.argmax(1) == self.target).float().mean()
        # Classes that nobody asked for have no curve.
        curves = [binary_auroc(p[:, k], self.target == k) for k in self.target.unique()]
        return {"ACC": float(acc), "AUC": float(torch.stack(curves).mean())}


def table2(options: Options) -> list[Row]:
    """Return a row for each measure, with the paper's methods as columns."""
    bundle = bundles.find(options.bundle)
    x, _, target = questions(bundle, options.data, options.count, trivial=True)
    columns = {}
    for method, column, settings in ASKED:
        batches = eight_bit_steps(bundle, method, x, target, _whole(x), settings, 50)
        answers, rebuilt = _answers(batches)
        for name, image in zip((column, RELIABLE), answers, strict=False):
            columns[name] = _measured(bundle, image, rebuilt, target)
    rows = []
    for measure in next(iter(columns.values())):
        own: Row = {name: column[measure] for name, column in columns.items()}
        figures = dict(zip(columns, FIGURES.get(measure, ()), strict=False))
        rows.append({"measure": measure} | beside(own, figures) | {"pictures": len(x)})
    return rows


def _answers(batches: Iterable[list[Step]]) -> tuple[list[Tensor], Tensor]:
    """The last pictures (of LeapFactual those before the injection as well), and what the
    autoencoder makes of the factuals; [N, 1, H, W] each."""
    standard, last, rebuilt = [], [], []
    for steps in batches:
        answer = steps[-1].counterfactual
        assert answer is not None
        assert answer.reconstruction is not None, "an autoencoder's method"
        standard += [step.image for step in steps if step.phase == "blending"][-1:]
        last.append(answer.image)
        rebuilt.append(answer.reconstruction)
    return [torch.cat(some) for some in (standard, last) if some], torch.cat(rebuilt)


def _measured(bundle: Bundle, image: Tensor, rebuilt: Tensor, target: Tensor) -> dict[str, object]:
    """One column of table 2."""
    said = Said(image, target, bundle)
    column: dict[str, object] = dict(said.of("classifier"))
    tables = stroke_tables(bundle, rebuilt, image, None, len(image))
    before, after = tables["strokes_before"], tables["strokes_after"]
    errors = np.abs((after - before) / before)
    medians = {}
    for name, error in zip(Morphometry._fields, errors.T, strict=True):
        # A blank answer has no strokes to measure.
        some, title = error[~np.isnan(error)], f"D({name.capitalize()})"
        spread = some.std(ddof=1) / np.sqrt(len(some))
        column[title] = f"{some.mean():.4f} ± {spread:.4f}"
        medians[f"{title}, median"] = float(np.median(some))
    oracle = {f"{name}_r": value for name, value in said.of("oracle").items()}
    return {**column, **medians, **oracle, "blank answers": int(np.isnan(errors[:, 0]).sum())}


def table5(options: Options) -> list[Row]:
    """Return a row for each number of blending leaps, all of one run."""
    settings = GALAXY | {"blending_leaps": BLENDING[-1], "injection_leaps": 0}
    return _ablation(options, settings, {f"{n}": n for n in BLENDING}, "N_b")


def table6(options: Options) -> list[Row]:
    """Return a row for each number of injection leaps, all of one run."""
    settings = GALAXY | {"blending_leaps": GALAXY_BLENDING, "injection_leaps": INJECTION[-1]}
    return _ablation(options, settings, {f"{n}": GALAXY_BLENDING + n for n in INJECTION}, "N_i")


def _ablation(
    options: Options, settings: dict[str, object], after: dict[str, int], name: str
) -> list[Row]:
    """A row of the answers after so many leaps, by what the row is called."""
    bundle = bundles.find(options.bundle)
    x, _, target = questions(bundle, options.data, options.count, trivial=False)
    found: dict[str, list[Tensor]] = {row: [] for row in after}
    for steps in eight_bit_steps(bundle, "leapfactual", x, target, _whole(x), settings):
        for row, leap in after.items():
            found[row].append(steps[leap - 1].image)
    return [
        {name: row} | _similar(bundle, x, torch.cat(images), target)
        for row, images in found.items()
    ]


def _similar(bundle: Bundle, x: Tensor, image: Tensor, target: Tensor) -> Row:
    """What tables 5 and 6 report; LPIPS where SqueezeNet's weights are here."""
    said = Said(image, target, bundle)
    oracle = {f"{name}_r": value for name, value in said.of("oracle").items()}
    measures: dict[str, Callable[[Tensor, Tensor], Tensor | None]] = {
        "SSIM": ssim, "PSNR": psnr, "LPIPS": lpips_squeeze,
    }  # fmt: skip
    distances = {name: measure(x, image) for name, measure in measures.items()}
    means = {name: float(v.mean()) for name, v in distances.items() if v is not None}
    return {**said.of("classifier"), **oracle, **means, "pictures": len(x)}


def _whole(x: Tensor) -> Region:
    return Region(torch.ones_like(x))


JUDGE = "the classifier that is explained; of ACC_r and AUC_r the bundle's oracle"
DIGITS = "this repository's bundle of digits"
ABLATION = sentences("""
- Data: digits, the first test pictures, random targets that are not the prediction; the paper has
  galaxies.
- The explained classifier (99.2 % of the test pictures) is not weak as the paper's, a VGG16 of 20 %
  of the pictures (81 %), and an oracle (99.6 %) judges in place of its strong one (85 %).
- Field and autoencoder are the bundle's; the field learnt from probabilities, the paper's for
  galaxies from top labels.
- One run, from which all rows are taken, by fixed Runge-Kutta steps (authors' code: adaptive ones).
- SSIM and PSNR are on [0, 1], against the picture itself.
""")
NO_GALAXIES = sentences("""
- The paper's figures: they are of Galaxy10 DECaLS, some 18 000 photographs that no package has and
  that are not shipped here; digits' figures do not stand beside galaxies'.
- LPIPS, where SqueezeNet's weights are not in torch's cache, as here; torchvision has them, and
  with them the column appears.
""")
TABLES: tuple[PaperTable, ...] = (
    PaperTable(
        "leapfactual.2", PAPER, "Table 2: correctness and strokes on MNIST",
        judge=JUDGE, weights=DIGITS, same=tuple(FIGURES), rows=table2, count=100,
        differences=sentences("""
- ACC and AUC are the explained classifier's, against targets drawn evenly from all ten classes, the
  picture's own among them, as in the authors' code; D is the absolute relative error against the
  autoencoder's reconstruction.
- One run over the first test pictures, ± one standard error over these; the paper has five runs and
  does not say over what its errors are.
- The explained classifier is this bundle's convolutional one, right about 99.2 % of the test
  pictures; the paper's, 96.6 %.
- The autoencoder has kernels of 4 and 32, 64 and 128 channels (paper: kernels of 3, 8 to 32
  channels) and learnt for 7 000 steps of 256 pictures (paper: 100 epochs); the conditional one has
  16, 32 and 64 channels and learnt for 3 000 steps of 128.
- The field has four layers of 256 (paper: three of 64) and learnt for 24 000 steps of 512 (paper:
  30 epochs of 256); its solver takes fixed Runge-Kutta steps (authors' code: adaptive ones).
- Pictures are 32 x 32 (paper: 28 x 28, padded for the encoder alone), and answers are measured as
  saved, in 8 bits.
- Opt follows the authors' code: AdamW, rate .2, decay .01, 1 000 steps, λ .0006.
- ACC_r and AUC_r are an oracle's that no method sees; the paper has them in tables 5 and 6 alone.
  The medians are ours: a slant near zero makes the mean explode.
"""),
    ),
    PaperTable(
        "leapfactual.3", PAPER, "Table 3: a weak classifier trained with its counterfactuals",
        printed_by="python -m benchmarks.fashion --pictures package/src/clothes",
        differences=sentences("""
- Data: FashionMNIST in place of Galaxy10 DECaLS; what else differs is said where that table stands.
"""),
    ),
    PaperTable(
        "leapfactual.4", PAPER, "Table 4: faces, by the number of blending leaps",
        judge="the classifier that is explained, a network of facial expressions",
        weights="the bundle of faces, which `python -m studio bundles pull faces` fetches",
        same=("ACC", "AUC", "SSIM", "PSNR"), rows=leaps, count=16, bundle="faces",
        differences=sentences("""
- As printed: γ_b .8, no injections, hard labels, whole pictures of 1024 x 1024 drawn without
  truncation; SSIM and PSNR on [-1, 1], with that range, and the AUC of hard labels, as in the
  authors' code.
- The last column says how many faces; the paper has 1 024.
- The generator is MobileStyleGAN, distilled from StyleGAN2; the paper's is StyleGAN3-r. Both learnt
  from FFHQ.
- The classifier tells smiling from not smiling; the paper's is CLIP ViT-B/32, which chooses between
  the words smiling face and face.
- The field is a perceptron trained on probabilities; the paper's is a one-dimensional U-Net trained
  on 20 000 hard labels for 22 hours.
- The search looks at 256 pixels; what is measured is the answer at 1024.
- All rows are of one run of 20 leaps, by fixed Runge-Kutta steps; the authors' solver is adaptive.
- Each face is asked for the other class than its own.
"""),
        missing=sentences("""
- LPIPS of SqueezeNet, whose weights are not shipped here; AlexNet's stands in its place, beside no
  figure.
"""),
    ),
    PaperTable(
        "leapfactual.5", PAPER, "Table 5's ablation of N_b, on digits",
        judge=JUDGE, weights=DIGITS, rows=table5, count=100, differences=ABLATION,
        missing=NO_GALAXIES,
    ),
    PaperTable(
        "leapfactual.6", PAPER, "Table 6's ablation of N_i, on digits",
        judge=JUDGE, weights=DIGITS, rows=table6, count=100, missing=NO_GALAXIES,
        differences=ABLATION + sentences("""
- After 250 blending leaps, γ_i 1/1.025, both as the paper's for galaxies; the paper's uncertainties
  are over ten runs.
"""),
    ),
)  # fmt: skip
