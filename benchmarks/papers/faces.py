"""Tables of the papers that are of faces, on faces that the bundle's generator draws."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from backends import bundles, registry
from backends.bundles import Bundle
from backends.core import Region, Step
from backends.explain.question import Question
from backends.explain.runner import run
from backends.imaging import eight_bit
from backends.metrics.ssim import psnr
from backends.priors.core import Anchoring
from backends.targets.named import target_model
from benchmarks.papers.tables import Options, Row, beside

__all__ = ["leaps", "smiles"]

FIRST_SEED = 2_000_000  # the recipe draws from small seeds, benchmarks.faces from a million on
RANGE = (-1.0, 1.0)
FIGURES = {  # of LeapFactual's table 4, by N_b; the last row is of random pairs
    5: {"ACC": "0.706", "AUC": "0.706", "SSIM": "0.564", "PSNR": "18.036"},
    10: {"ACC": "0.957", "AUC": "0.957", "SSIM": "0.538", "PSNR": "17.126"},
    15: {"ACC": "0.982", "AUC": "0.982", "SSIM": "0.531", "PSNR": "16.946"},
    20: {"ACC": "0.993", "AUC": "0.993", "SSIM": "0.525", "PSNR": "16.833"},
}
PAIRED = {"SSIM": "0.070", "PSNR": "8.848"}
LEAPS: dict[str, object] = {
    "blending_leaps": 20, "blending_size": 0.8, "injection_leaps": 0, "condition": "hard",
}  # fmt: skip
SHORT: dict[str, object] = {"steps": 100}  # each takes a second and more
CELEBA: dict[str, object] = {  # PLACE, section 4.1
    "decision": "margin", "decision_weight": 1000.0, "distance_weight": 1.0,
    "plausibility_weight": 2.0, "rate": 0.005, "margin": 0.05,
}  # fmt: skip
SEARCHES: list[tuple[str, str, dict[str, object]]] = [
    ("place", "the paper's", CELEBA | SHORT),
    ("place", "this program's", SHORT),
    ("revise", "this program's", SHORT),
]
MEASURES = {
    "oracle agrees": "oracle agrees", "LPIPS (AlexNet)": "lpips_alex", "L2": "l2",
    "log-density (nats)": "log_density", "density percentile": "log_density_percentile",
}  # fmt: skip


def drawn(bundle: Bundle, count: int, truncation: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Faces of all kinds, one at a time: w [1, D] and the picture [1, 3, S, S] in 8 bits."""
    network = bundle.part("generator")
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        w = network.sample_w(1, torch.Generator().manual_seed(seed), truncation)
        yield w, eight_bit(network.decode(w))


@torch.no_grad()
def leaps(options: Options) -> list[Row]:
    """LeapFactual's table 4: a row for each number of leaps, and one of random pairs."""
    bundle = bundles.find(options.bundle)
    f = target_model(bundle)
    before: list[Tensor] = []
    right: dict[int, list[tuple[Tensor, Tensor]]] = {n: [] for n in FIGURES}
    distances: dict[int, list[dict[str, float]]] = {n: [] for n in FIGURES}
    for w, x in drawn(bundle, options.count, 1.0):
        target = 1 - f.probabilities(x).argmax(1)
        for n, image in _answers(bundle, w, x, target):
            right[n].append((f.probabilities(image).argmax(1), target))
            distances[n].append(_distances(bundle, x, image))
        before.append(x.cpu())
    rows = [
        beside({"N_b": str(n), **_correct(right[n]), **_mean(distances[n])}, FIGURES[n])
        for n in FIGURES
    ]
    pairs = [
        _distances(bundle, x, y) for x, y in zip(before, [*before[1:], before[0]], strict=True)
    ]
    rows.append(beside({"N_b": "random pairs", **_mean(pairs)}, PAIRED))
    return [row | {"pictures": options.count} for row in rows]


def _answers(bundle: Bundle, w: Tensor, x: Tensor, target: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The faces at full size after so many leaps."""
    method, prior = registry.method("leapfactual"), bundle.part("generator")
    assert isinstance(prior, Anchoring)
    whole = torch.ones_like(x[:, :1])
    *_, held = prior.anchor(x, whole, w, None, gradients=False)
    assert not isinstance(held, Step)
    searched = method(target_model(bundle), autoencoder=held, velocity=bundle.part("velocity"))
    steps = searched.explain(
        held.factual, target, Region(held.small), method.Config(**LEAPS), torch.Generator()
    )
    for step in steps:
        if step.index in FIGURES and step.latent is not None:
            yield step.index, eight_bit(held.answer(step.latent))


def smiles(options: Options) -> list[Row]:
    """PLACE's table 1: a row for each method, of faces each of which is asked for the other class
    than its own."""
    bundle = bundles.find(options.bundle)
    f = target_model(bundle)
    with torch.no_grad():
        faces = zip(*drawn(bundle, options.count, 0.7), strict=True)
        w, x = (torch.cat(some) for some in faces)
        target = 1 - f.probabilities(x).argmax(1)
    rows = []
    for method, name, settings in SEARCHES:
        whole = Region(torch.ones_like(x[:, :1]))
        *_, last = run(Question.of(bundle, method, x, target, whole, settings, latent=w))
        answer = last.counterfactual
        assert answer is not None, "the last step has the answer"
        found = {key: float(value.float().mean()) for key, value in answer.metrics.items()}
        if "oracle_label" in found:
            found["oracle agrees"] = float(
                (answer.metrics["oracle_label"] == target.cpu()).float().mean()
            )
        own: Row = {
            "method": f"`{method}`",
            "settings": name,
            "validity": float(answer.flipped.float().mean()),
            **{title: found[key] for title, key in MEASURES.items() if key in found},
            "pictures": len(x),
        }
        rows.append(beside(own, {"validity": 1.0}))
    return rows


def _correct(said: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Accuracy, and the AUROC of hard labels: the mean of both classes' recalls."""
    label, target = (torch.cat(some) for some in zip(*said, strict=True))
    hits = (label == target).float()
    recalls = [hits[target == k].mean() for k in target.unique()]
    return {"ACC": float(hits.mean()), "AUC": float(torch.stack(recalls).mean())}


def _distances(bundle: Bundle, x: Tensor, image: Tensor) -> dict[str, float]:
    """SSIM as the authors' code has it, on [-1, 1] with that range; PSNR is the same on any."""
    before, after = x.cpu(), image.cpu()
    stretched = 2 * after - 1, 2 * before - 1
    similarity = structural_similarity_index_measure(*stretched, data_range=RANGE)
    assert isinstance(similarity, Tensor)
    found = {"SSIM": float(similarity), "PSNR": float(psnr(before, after))}
    if bundle.problem("lpips") is None:
        found["LPIPS (AlexNet)"] = float(bundle.part("lpips")(x, image.to(x)))
    return found


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
