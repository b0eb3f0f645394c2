"""Metrics of an evaluation's rows against other libraries, and against cases computed by hand."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from skimage.metrics import peak_signal_noise_ratio
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.image import structural_similarity_index_measure

from backends import bundles
from backends.core import Region
from backends.explain.judge import judge
from backends.explain.question import Question
from backends.explain.runner import run
from backends.metrics import (
    attributes,
    coverage,
    diversity,
    interpretability,
    latents,
    morphometry,
    opinions,
    reconstruction,
)
from backends.metrics.morphometry import Morphometry
from backends.metrics.perceptual import Perceptual
from backends.priors.class_autoencoders import ClassAutoencoders


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_auroc_is_scikit_learns():
    p = drawn(60, 4).softmax(1)
    target = torch.randint(4, (60,), generator=torch.Generator().manual_seed(1))
    expected = roc_auc_score(target, p.double() / p.double().sum(1, keepdim=True),
                             multi_class="ovr", average="macro")  # fmt: skip
    assert opinions.auroc(p, target) == pytest.approx(expected, abs=1e-6)
    assert opinions.oracle_auroc(p, target) == opinions.auroc(p, target)


def test_auroc_counts_the_classes_that_were_asked_for():
    p, target = torch.tensor([[0.1, 0.9, 0], [0.2, 0.8, 0], [0.9, 0.1, 0]]), torch.tensor([1, 1, 0])
    assert opinions.auroc(p, target) == 1
    assert opinions.auroc(1 - p, target) == 0
    assert opinions.auroc(p, torch.tensor([1, 1, 1])) is None, "an order needs two classes"


def test_precision_and_recall_are_the_papers_balls():
    real, other = drawn(40, 6).double(), drawn(30, 6, seed=1).double() + 0.2

    def inside(points, centres):
        radii = np.sort(cdist(centres, centres), axis=1)[:, 3]  # the first is the centre itself
        return (cdist(points, centres) <= radii[None]).any(1).mean()

    flipped = torch.arange(30) < 25
    found = coverage.precision_oracle((real, other), flipped)
    recall = coverage.recall_oracle((real, other), flipped)
    assert found == pytest.approx(inside(other[:25], real), abs=1e-6)
    assert recall == pytest.approx(inside(real, other[:25]), abs=1e-6)
    assert 0 < found < 1
    assert coverage.precision_oracle((real, real), torch.ones(40, dtype=torch.bool)) == 1
    assert coverage.recall_oracle((real, other), torch.arange(30) < 10) is None


def test_closeness_to_the_reconstruction_is_that_of_other_libraries():
    rebuilt, image = drawn(3, 1, 16, 16), drawn(3, 1, 16, 16, seed=1)
    ssim = structural_similarity_index_measure(image, rebuilt, data_range=1.0, reduction="none")
    assert torch.allclose(reconstruction.ssim_from_reconstruction(rebuilt, image), ssim, atol=1e-5)
    psnr = [
        peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=1)
        for a, b in zip(rebuilt, image, strict=True)
    ]
    assert np.allclose(reconstruction.psnr_from_reconstruction(rebuilt, image), psnr, atol=1e-4)
    norm = np.linalg.norm((image - rebuilt).flatten(1).numpy(), axis=1)
    assert np.allclose(reconstruction.l2_from_reconstruction(rebuilt, image), norm, atol=1e-5)
    torch.manual_seed(0)
    net = Perceptual("alex", width=4)
    with torch.no_grad():
        told = reconstruction.lpips_from_reconstruction(rebuilt, image, net)
        assert torch.equal(told, net(rebuilt, image))


def test_latent_codes_are_apart_by_their_norm():
    codec = SimpleNamespace(
        encode=lambda x: x.flatten(1)[:, :2] * torch.tensor([3.0, 4.0]), parameters=lambda: iter(())
    )
    x = torch.zeros(60, 1, 4, 4)
    y = x.clone()
    y[59, 0, 0, :2] = 1
    assert latents.code_l2(x, y, codec).tolist() == [0] * 59 + [5]


@pytest.mark.parametrize("method", ["leapfactual", "revise", "diffeomorphic", "ldce"])
def test_the_search_s_own_latents_are_compared(tiny, method):
    found = bundles.find(tiny)
    x, target = (drawn(2, 1, 16, 16) * 255).round() / 255, torch.tensor([1, 2])
    region = Region(torch.ones(2, 1, 16, 16))
    settings = {} if method == "leapfactual" else {"steps": 3}
    if method == "diffeomorphic":
        settings["bound"] = 1
    *_, last = run(Question.of(found, method, x, target, region, settings))
    prior = {"leapfactual": "autoencoder", "revise": "autoencoder", "diffeomorphic": "flow",
             "ldce": "latent_autoencoder"}[method]  # fmt: skip
    with torch.no_grad():
        origin = found.part(prior).encode(x)
    answer = last.counterfactual
    expected = (answer.latent - origin).flatten(1).norm(dim=1)
    assert torch.allclose(answer.metrics["latent_l2"], expected, rtol=1e-3, atol=1e-4)
    assert (expected > 0).any()


def test_an_adversarial_example_has_no_latent_to_compare(tiny):
    x = drawn(1, 1, 16, 16)
    region = Region(torch.ones(1, 1, 16, 16))
    question = Question.of(bundles.find(tiny), "adversarial", x, torch.tensor([1]), region,
                           {"steps": 2})  # fmt: skip
    *_, last = run(question)
    assert not {"latent_l2", "l2_from_reconstruction"} & set(last.counterfactual.metrics)


class ByFactor:
    """Rebuilds a picture darker, by a factor for each class; that of all classes leaves it."""

    def rebuilt(self, x, classes):
        if classes is None:
            return x
        return x * torch.tensor([0.5, 0.8, 1.0])[classes].view(-1, 1, 1, 1)


def test_im1_and_im2_of_a_case_computed_by_hand():
    x = torch.zeros(2, 1, 2, 2)
    x[:, 0, 0, 0] = torch.tensor([1.0, 0.6])
    source, target = torch.tensor([0, 1]), torch.tensor([1, 0])
    # |x - .8 x|^2 / |x - .5 x|^2 = .04 / .25, and the reverse.
    found = interpretability.im1(x, source, target, ByFactor())
    assert torch.allclose(found, torch.tensor([0.16, 6.25]), rtol=1e-4)
    # |.8 x - x|^2 / |x|_1 = .04 / 1, and .25 * .36 / .6.
    assert torch.allclose(
        interpretability.im2(x, target, ByFactor()), torch.tensor([0.04, 0.15]), rtol=1e-4
    )


def test_every_picture_meets_the_autoencoder_of_its_class():
    torch.manual_seed(0)
    network = ClassAutoencoders(1, 8, 3, width=5, latent=2)
    x, classes = drawn(7, 1, 8, 8), torch.tensor([2, 0, 2, 1, 1, 0, 2])
    own, shared = network(x, classes)
    for i, k in enumerate(classes.tolist()):
        assert torch.allclose(own[i : i + 1], network.networks[k](x[i : i + 1]).view(1, 1, 8, 8))
    assert torch.allclose(shared, network.networks[3](x).view_as(x))
    assert all(not torch.equal(a, b) for a, b in pairwise(own))
    own.sum().backward()
    assert all(p.grad is not None for p in network.networks[0].parameters())


def test_im1_is_measured_where_the_model_has_the_bundle_s_classes(tiny_with_autoencoders):
    found = tiny_with_autoencoders
    x, target = drawn(2, 1, 16, 16), torch.tensor([1, 2])
    region = Region(torch.ones(2, 1, 16, 16))
    metrics = judge(Question.of(found, "adversarial", x, target, region), 1 - x).metrics
    network = found.part("class_autoencoders")
    source = found.part("classifier")(x).argmax(1)
    with torch.no_grad():
        errors = [
            ((1 - x) - network.rebuilt(1 - x, y)).square().sum((1, 2, 3)) for y in (target, source)
        ]
    assert torch.allclose(metrics["im1"], errors[0] / errors[1], rtol=1e-3)
    assert {"im1", "im2"} <= set(metrics)
    two = SimpleNamespace(
        class_names=["no", "yes"], differentiable=False,
        probabilities=lambda x: torch.tensor([[0.2, 0.8]]).expand(len(x), -1),
    )  # fmt: skip
    question = Question.of(found, "adversarial", x, target - 1, region, model=two)
    assert "im1" not in judge(question, 1 - x).metrics


@pytest.fixture
def tiny_with_autoencoders(tmp_path):
    from tests.conftest import write_tiny

    folder = write_tiny(tmp_path / "bundle")
    arguments = {"channels": 1, "size": 16, "classes": 3, "width": 4, "latent": 2}
    torch.manual_seed(0)
    part = bundles.Part(
        kind="class_autoencoders", architecture="class_autoencoders", arguments=arguments,
        file="class_autoencoders.safetensors", licence="Apache-2.0",
    )  # fmt: skip
    manifest = bundles.find(str(folder)).manifest
    bundles.write_part(folder, manifest, "class_autoencoders", ClassAutoencoders(**arguments), part)
    return bundles.find(str(folder))


def test_relative_changes_of_strokes_are_those_of_the_reconstruction():
    table = np.array([[10, 20, 2, 0.5, 8, 16], [10, 20, 2, -0.1, 8, 16]], float)
    after = table * np.array([1.5, 1, 0.5, 3, 1, 1.25])
    both = torch.from_numpy(table), torch.from_numpy(after)
    expected = {"area": 0.5, "length": 0, "thickness": 0.5, "slant": 2, "width": 0, "height": 0.25}
    assert list(expected) == list(Morphometry._fields)
    for name, value in expected.items():
        entry = morphometry.metric.__globals__["METRICS"][f"{name}_relative"]
        assert entry.median
        assert np.allclose(morphometry._relative(both, name), value)


def test_diversity_is_the_mean_over_pairs_of_seeds():
    answers = torch.zeros(3, 2, 1, 2, 2)
    answers[1, 0, 0, 0, 0] = 1
    answers[2, 0, 0, 0, 0] = 0.5
    # Of the first picture 1, .5 and .5; of the second nothing differs.
    assert torch.allclose(diversity.diversity_l2(answers), torch.tensor([2 / 3, 0]))
    torch.manual_seed(0)
    net = Perceptual("alex", width=4)
    pictures = drawn(2, 3, 1, 16, 16)
    with torch.no_grad():
        assert torch.allclose(diversity.diversity_lpips(pictures, net), net(*pictures))


def test_attributes_that_change_and_change_together():
    rng = np.random.default_rng(0)
    before = rng.random((40, 3)) < 0.5
    before[:, 1] = before[:, 0]  # they always occur together
    after = before.copy()
    after[:, 0] = ~before[:, 0]
    after[:20, 2] = ~before[:20, 2]  # of which the second never changes with the first
    both, flipped = (torch.from_numpy(before), torch.from_numpy(after)), torch.ones(40).bool()
    changed = attributes.attributes_changed(both, flipped)
    assert changed.tolist() == [2] * 20 + [1] * 20
    some = attributes.attributes_changed(both, torch.arange(40) % 2 == 0)
    assert some[::2].tolist() == [2] * 10 + [1] * 10
    assert some[1::2].isnan().all(), "each answer keeps its place"
    assert attributes.attributes_changed(both, ~flipped) is None
    change = after.astype(int) - before.astype(int)
    expected = abs(1 - 0) + abs(
        np.corrcoef(before[:, 0], before[:, 2])[0, 1]
        - np.corrcoef(change[:, 0], change[:, 2])[0, 1]
    )
    found = attributes.correlation_difference(both, flipped)
    assert found == pytest.approx(expected, abs=1e-9)
    assert attributes.correlation_difference(both, torch.arange(40) < 5) is None


@pytest.mark.weights
def test_the_digits_autoencoders_know_their_class():
    found = bundles.get("digits")
    pictures, labels = found.test_pictures()
    x = torch.from_numpy(pictures[:300]).permute(0, 3, 1, 2).float() / 255
    own, other = torch.from_numpy(labels[:300]), torch.from_numpy((labels[:300] + 1) % 10)
    network = found.part("class_autoencoders")
    assert (interpretability.im1(x, other, own, network) < 1).float().mean() > 0.95
    assert (interpretability.im1(x, own, other, network) > 1).float().mean() > 0.95
