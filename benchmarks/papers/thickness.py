"""The Diffeomorphic paper's regression, of a digit's stroke in the place of pedestrians in a mall:
figures 11 and 13, right."""

from __future__ import annotations

import torch
from torch import Tensor

from backends.bundles import find
from backends.explain.question import posed
from backends.metrics.morphometry import measure
from backends.targets.threshold import Threshold
from backends.training.data import Split, load_mnist
from benchmarks.papers.searched import BATCH, SEARCHES, held_out, search, summary
from benchmarks.papers.tables import Options, Row

__all__ = ["thickness_rows"]

MODEL, GOALS = "thickness", {"maximise": "more than 4", "minimise": "less than 1.8"}
THIN, THICK = 2.2, 3.0  # pixels: what is thinner is to be made thick, what is thicker thin
POOL, NEIGHBOURS = 400, 3  # pictures that are measured for the neighbours
ASKED_OF = 2000  # test pictures


def thickness_rows(options: Options) -> list[Row]:
    """Both goals: the regressor's value and the true thickness, before and after."""
    pool = _pool(options)
    thick = torch.tensor([_truth(x) for x in pool]).double()
    rows: list[Row] = []
    for name, goal in GOALS.items():
        model, target = posed(find(options.bundle), MODEL, goal)
        assert isinstance(model, Threshold), "a regressor's goal is a threshold"
        x = _start(options, model, maximise=target == 1)
        y = torch.full((len(x),), target)
        ends = {title: search(options, *asked, x, y, model) for title, asked in SEARCHES.items()}
        pictures = {"original": x} | {title: end.image for title, end in ends.items()}
        for title, image in pictures.items():
            near = torch.cdist(image.flatten(1), pool.flatten(1)).topk(NEIGHBOURS, largest=False)
            truth = torch.tensor([_truth(one) for one in image])
            rows.append(
                {"goal": f"{name}: {goal} pixels", "images": title}
                | summary(_said(model, image), "regressor")
                | summary(truth, "true thickness")
                | summary(thick[near.indices].mean(1), "true thickness of the 3 nearest")
                | {
                    "reached": int(ends[title].reached.sum()) if title in ends else "-",
                    "pictures": len(x),
                }
            )
    return rows


@torch.no_grad()
def _said(model: Threshold, x: Tensor) -> Tensor:
    return torch.cat([model.measured(some) for some in x.split(BATCH)])


def _truth(picture: Tensor) -> float:
    """The mean thickness of the stroke of one digit [1, H, W], in pixels."""
    return measure(picture[0].double().numpy()).thickness


def _start(options: Options, model: Threshold, *, maximise: bool) -> Tensor:
    """The first test pictures that the regressor finds thin, or thick."""
    test = held_out(options).first(ASKED_OF)
    x, _ = test.batch(torch.arange(len(test)))
    value = _said(model, x)
    return x[value < THIN if maximise else value > THICK][: options.count]


def _pool(options: Options) -> Tensor:
    """Training pictures, or the bundle's last test pictures where there are none, [M, 1, H, W]."""
    some: Split
    if options.data:
        some = load_mnist(options.data, "train").first(POOL)
    else:
        test = held_out(options)
        some = Split(test.pictures[-POOL:], test.labels[-POOL:])
    return some.batch(torch.arange(len(some)))[0]
