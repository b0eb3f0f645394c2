"""A model's opinion of shifted copies: the mean, the same every run, with gradients."""

import pytest
import torch

from backends import bundles, registry, service
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from backends.methods.common.views import Views
from backends.targets.model import Classifier


def test_the_mean_of_what_is_seen():
    seen = []

    def network(x):
        seen.append(x)
        return torch.stack([x.mean((1, 2, 3)), -x.mean((1, 2, 3))], 1)

    f, x = Classifier(network, ["a", "b"]), torch.rand(3, 1, 16, 16, requires_grad=True)
    found = Views(4).log_probabilities(f, x)
    (batch,) = seen
    assert batch.shape == (12, 1, 16, 16)
    assert torch.equal(batch[:3], x), "the first view is the picture itself"
    assert not torch.equal(batch[3:6], x)
    one_by_one = torch.stack([f.logits(b).log_softmax(1) for b in batch.split(3)]).mean(0)
    assert (found - one_by_one).abs().max() < 1e-6
    assert torch.autograd.grad(found[:, 0].sum(), x)[0].abs().sum() > 0
    assert torch.equal(Views(4).log_probabilities(f, x), found)


def test_one_view_is_the_paper():
    f = Classifier(lambda x: x.flatten(1)[:, :3], list("abc"))
    x = torch.rand(2, 1, 4, 4)
    assert torch.equal(Views(1).log_probabilities(f, x), f.logits(x).log_softmax(1))


def test_a_pattern_of_one_alignment_fools_no_more():
    """A classifier that looks at a checkerboard: shifted by one pixel, it says the opposite."""
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1
    f = Classifier(
        lambda x: torch.stack([(x * board).sum((1, 2, 3)), x.new_zeros(len(x))], 1), "ab"
    )
    x = torch.full((1, 1, 8, 8), 0.5, requires_grad=True)
    steep = [
        torch.autograd.grad(Views(n).log_probabilities(f, x)[:, 0].sum(), x)[0].norm()
        for n in (1, 32)
    ]
    assert steep[1] < 0.5 * steep[0]


VIEWED = [n for n in registry.METHODS if "views" in registry.method(n).Config.model_fields]


@pytest.mark.parametrize("name", VIEWED)
def test_methods_take_views(tiny, name):
    x = torch.randint(0, 256, (2, 1, 16, 16), generator=torch.Generator().manual_seed(1)) / 255
    fields = registry.method(name).Config.model_fields
    few = {"steps": 3} if "steps" in fields else {}

    def image(views):
        asked = Question.of(
            bundles.find(tiny), name, x, torch.tensor([0, 1]), Region(torch.ones_like(x)),
            few | {"views": views},
        )  # fmt: skip
        *_, last = run(asked)
        return last.image

    assert not torch.equal(image(3), image(1))
    assert torch.equal(image(3), image(3))
    assert service.about(tiny)["methods"][name]["schema"]["properties"]["views"]["default"] == 1


def test_the_papers_methods_with_gradients_take_them():
    assert {"rcsb", "ldce", "ldce_txt", "place", "inpainting"} <= set(VIEWED)
