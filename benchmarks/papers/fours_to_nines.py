"""The Diffeomorphic paper's measurements of MNIST, fours to nines: tables 1 to 4 and figures 7,
11, 13 and 14."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from sklearn.svm import LinearSVC
from torch import Tensor

from backends.bundles import find
from backends.metrics.distance import l2
from backends.metrics.ssim import ssim
from backends.metrics.tangent import tangent_spectrum
from backends.training.data import Split, load_mnist
from benchmarks.papers.searched import (
    MOST,
    SEARCHES,
    SOURCE,
    TARGET,
    Searched,
    fours,
    held_out,
    in_z,
    nines,
    search,
    summary,
)  # fmt: skip
from benchmarks.papers.tables import Options, Row, beside

__all__ = [
    "distance_quantiles", "distances_in_x", "distances_in_z", "interpretability", "neighbours",
    "oracle", "other_approaches", "spectrum",
]  # fmt: skip

IN_X, IN_Z = SEARCHES
ORIGINAL = "original"
EPSILON = 1e-6  # the paper states none
SVM_LEARNS = 20_000  # pictures
NEIGHBOURS = 10
RANKS = (1, 2, 5, 10, 20, 50, 100, 200, 400, 784)
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


def _pictures(options: Options) -> dict[str, Tensor]:
    return {ORIGINAL: fours(options)} | {title: nines(options, title).image for title in SEARCHES}


def interpretability(options: Options) -> list[Row]:
    """Table 1: IM1 as in equation 24, whose errors are not squared."""
    rebuilt = find(options.bundle).part("class_autoencoders").rebuilt
    paper = {ORIGINAL: (2.250, 0.711), IN_X: (1.603, 0.317), IN_Z: (1.056, 0.233)}
    rows: list[Row] = []
    for title, x in _pictures(options).items():
        with torch.no_grad():
            of_target, of_source = (
                l2(x, rebuilt(x, torch.full((len(x),), y))) for y in (TARGET, SOURCE)
            )
        mean, spread = paper[title]
        im1 = summary(of_target / (of_source + EPSILON), "IM1")
        row = beside(im1, {"IM1": mean, "± IM1": spread})
        rows.append({"images": title} | row | {"pictures": len(x)})
    return rows


@cache
def _source_class(options: Options) -> Tensor:
    """At most 2 000 test pictures of a four, [M, 1, 32, 32]."""
    test = held_out(options)
    return test.batch((test.labels == SOURCE).nonzero().flatten()[:MOST])[0]


def _apart(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances of all of [N, ...] to all of [M, ...], [N, M]."""
    return torch.cdist(a.flatten(1), b.flatten(1), compute_mode="donot_use_mm_for_euclid_dist")


def _to_source(options: Options, title: str, space: str) -> tuple[Tensor, Tensor]:
    """Distances of a search's ends to their own pictures [N], and to all of their class [N, M]."""
    end = nines(options, title)
    own, others, image = fours(options), _source_class(options), end.image
    if space == "Z":
        image = in_z(options, image) if end.latent is None else end.latent
        own, others = in_z(options, own), in_z(options, others)
    return (image - own).flatten(1).norm(dim=1), _apart(image, others)


def _distances(options: Options, space: str, paper: Mapping[str, tuple[float, ...]]) -> list[Row]:
    rows: list[Row] = []
    for title in SEARCHES:
        own, others = _to_source(options, title, space)
        measured = summary(own, "L2 to source image") | summary(others, "L2 to source class")
        row = beside(measured, dict(zip(measured, paper[title], strict=True)))
        rows.append({"img": title} | row | {"pictures": len(own)})
    return rows


def distances_in_x(options: Options) -> list[Row]:
    """Table 2."""
    paper = {IN_X: (2.54, 0.61, 8.77, 1.25), IN_Z: (4.82, 1.20, 9.27, 1.32)}
    return _distances(options, "X", paper)


def distances_in_z(options: Options) -> list[Row]:
    """Table 3; beside it how far the pictures as saved are in z, which differ in what eight bits
    round away."""
    paper = {IN_X: (41.86, 2.00, 42.12, 0.74), IN_Z: (35.26, 4.68, 39.91, 1.61)}
    rows = _distances(options, "Z", paper)
    for row, title in zip(rows, SEARCHES, strict=True):
        saved = in_z(options, nines(options, title).image) - in_z(options, fours(options))
        row["L2 to source image, as saved"] = float(saved.norm(dim=1).mean())
        row["pictures"] = row.pop("pictures")
    return rows


def other_approaches(options: Options) -> list[Row]:
    """Table 4's criteria of fours to nines, at a confidence of .5."""
    x = fours(options)
    y = torch.full((len(x),), TARGET)
    z = in_z(options, x)
    rows: list[Row] = [{
        "images": "originals", "median SSIM": "-", "median L2 in x": "-", "median L2 in z": "-",
        "SVM says target": _svm_says(options, x), "successful runs": "-", "pictures": len(x),
    }]  # fmt: skip
    asked: dict[str, tuple[str, dict[str, object]]] = {
        "adversarials": ("adversarial", {"rate": 5e-4}),
        "ours": ("diffeomorphic", {"rate": 5e-2}),
        "Joshi et al., in the flow": ("revise", {"space": "flow"}),
        "Joshi et al., in the autoencoder": ("revise", {}),
        "Zhao et al., in the autoencoder": ("natural", {}),
        "Looveren et al.": ("prototypes", {}),
    }
    for title, (name, settings) in asked.items():
        end = search(options, name, settings, x, y, confidence=0.5)
        won = end.reached
        some = won if bool(won.any()) else torch.ones_like(won)
        before, after = x[some], end.image[some]
        moved = (_of_flow(options, end, z) - z)[some]
        rows.append({
            "images": title, "median SSIM": float(ssim(before, after).median()),
            "median L2 in x": float(l2(before, after).median()),
            "median L2 in z": float(moved.norm(dim=1).median()),
            "SVM says target": _svm_says(options, after), "successful runs": int(won.sum()),
            "pictures": len(x),
        })  # fmt: skip
    return rows


def _of_flow(options: Options, end: Searched, z: Tensor) -> Tensor:
    """The flow's coordinates of a search's ends [N, D]: its own, where it searched in them."""
    if end.latent is not None and end.latent.shape == z.shape:
        return end.latent
    return in_z(options, end.image)


def oracle(options: Options) -> list[Row]:
    """Figure 11, left."""
    test = _unseen(options)
    x, y = test.batch(torch.arange(len(test)))
    right = float(_svm(options).score(_raw(x), y.numpy()))
    network = find(options.bundle).part("oracle")
    rows: list[Row] = []
    for title, x in _pictures(options).items():
        with torch.no_grad():
            agrees = (network(x).argmax(1) == TARGET).float().mean()
        reached = "-" if title == ORIGINAL else int(nines(options, title).reached.sum())
        rows.append({
            "images": title, "linear SVM says 9": _svm_says(options, x),
            "bundle's oracle says 9": float(agrees), "reached .99": reached,
            "SVM's test accuracy": right, "pictures": len(x),
        })  # fmt: skip
    return rows


def neighbours(options: Options) -> list[Row]:
    """Figure 13, left: the share of nines among the ten nearest test pictures."""
    test = held_out(options)
    least = int(test.labels.bincount(minlength=10).min())
    at = torch.cat([(test.labels == k).nonzero().flatten()[:least] for k in range(10)])
    pool, labels = test.batch(at)
    own = _apart(fours(options), pool) == 0  # the picture that the search began at
    rows: list[Row] = []
    for title, x in _pictures(options).items():
        near = _apart(x, pool).masked_fill(own, torch.inf).topk(NEIGHBOURS, largest=False).indices
        share = (labels[near] == TARGET).double().mean(1)
        rows.append(
            {"images": title}
            | summary(share, "nines among the 10 nearest")
            | {"compared with": len(pool), "pictures": len(x)}
        )
    return rows


def distance_quantiles(options: Options) -> list[Row]:
    """Figure 14's distributions (figure 20 has MNIST's) as quantiles."""
    rows: list[Row] = []
    for title in SEARCHES:
        for space in ("X", "Z"):
            own, others = _to_source(options, title, space)
            for whose, values in (("source image", own), ("source class", others)):
                ends = np.quantile(values.double().numpy(), SHARES)
                row: Row = {"images": title, "distance in": space, "to": whose}
                row |= {f"{share:.0%}": float(v) for share, v in zip(SHARES, ends, strict=True)}
                rows.append(row | {"pictures": len(own)})
    return rows


def spectrum(options: Options) -> list[Row]:
    """Figure 7, right: the sorted eigenvalues, averaged over pictures of all classes."""
    flow = find(options.bundle).part("flow")
    test = held_out(options)
    x, _ = test.batch(torch.randperm(len(test), generator=_seeded())[: options.count])
    values = torch.stack([tangent_spectrum(flow.decode, z[None]) for z in in_z(options, x)])
    mean = values.double().square().mean(0)
    held = mean.cumsum(0) / mean.sum()
    return [
        {
            "rank": rank, "eigenvalue": f"{float(mean[rank - 1]):.3g}",
            "share of the first": f"{float(mean[rank - 1] / mean[0]):.2g}",
            "share of the sum so far": float(held[rank - 1]), "pictures": len(x),
        }
        for rank in RANKS if rank <= len(mean)
    ]  # fmt: skip


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def _unseen(options: Options) -> Split:
    """Test pictures that the SVM did not learn: all, or the second half of the bundle's own."""
    test = held_out(options)
    half = 0 if options.data else len(test) // 2
    return Split(test.pictures[half:], test.labels[half:])


def _raw(x: Tensor) -> np.ndarray:
    raw: np.ndarray = x.flatten(1).numpy()
    return raw


@cache
def _svm(options: Options) -> LinearSVC:
    """A linear SVM of raw pixels: of training pictures, or of half of the bundle's test pictures
    where there are no others."""
    if options.data:
        learnt = load_mnist(options.data, "train").first(SVM_LEARNS)
    else:
        learnt = held_out(options).first(len(held_out(options)) // 2)
    x, y = learnt.batch(torch.arange(len(learnt)))
    return LinearSVC(C=0.01, random_state=0, max_iter=10_000).fit(_raw(x), y.numpy())


def _svm_says(options: Options, x: Tensor) -> float:
    """The share of pictures of which the SVM says the target."""
    return float((_svm(options).predict(_raw(x)) == TARGET).mean())
