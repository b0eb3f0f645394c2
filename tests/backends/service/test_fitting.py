"""Another model's classes become those of the bundle's parts."""

import numpy as np
import pytest
import torch

from backends import bundles, service
from backends.core import Request
from backends.errors import BadInput
from backends.imaging import eight_bit
from backends.service.fitting import fit
from backends.targets import added
from backends.targets.model import Classifier
from backends.targets.named import target_model
from backends.targets.outside.network import of_object
from backends.targets.reference import Options, usual_name
from backends.training import people
from backends.training.new import NewConfig, new
from backends.training.people import Space
from backends.training.retrain_settings import Fitted, Learning
from backends.training.timed_training import train_for
from tests.backends.service.test_retraining import write_faces
from tests.backends.training.own_pictures import make_small, write_tree

SMALL = {"drawn": 200, "steps": 30}


@pytest.fixture
def drawn(tiny):
    """What the tiny bundle draws: its random networks' pictures differ little."""
    found = bundles.get(tiny)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        rows = people.drawn(Space.of(found), found.part("velocity"), 100, generator)
        return torch.cat([eight_bit(x) for _, x in rows])


@pytest.fixture
def halves(drawn):
    """Says whether the left half is brighter than usual: labels only."""

    def lead(x):
        half = x.shape[2] // 2
        return x[:, :, :half].mean((1, 2, 3)) - x[:, :, half:].mean((1, 2, 3))

    usual = np.median(lead(drawn.movedim(1, -1).numpy()))

    def labels(x):
        return np.where(lead(x) > usual, 0, 1)

    network = of_object(labels, Options(classes=("left", "right")), size=16, channels=1)
    added.add("halves", lambda _: Classifier(network, network.labels))
    return "halves"


def test_a_fitted_model_is_explained_by_what_knew_no_such_classes(tiny, picture, halves):
    said = service.predict(tiny, picture, halves).label
    target = {"left": "right", "right": "left"}[said]
    request = Request(tiny, "leapfactual", target, picture, model=halves)
    with pytest.raises(BadInput, match="was trained for the bundle's classes"):
        list(service.explain(request))
    *steps, end = fit(tiny, halves, halves, SMALL)
    assert isinstance(end, Fitted)
    assert all(isinstance(step, Learning) for step in steps)
    shares = [step.share for step in steps]
    assert shares == sorted(shares)
    assert sum(end.counts.values()) == 200
    assert set(end.counts) == {"left", "right"}
    assert end.parts == [f"halves.{k}" for k in ("velocity", "density", "latent_ensemble")]
    *_, answer = service.explain(request)
    assert set(answer.record["counterfactual"]["probabilities"]) == {"left", "right"}
    assert service.about(tiny)["models"][halves]["methods"]["leapfactual"] is None


def test_a_goal_of_a_regressor_is_a_model(tiny, picture, drawn):
    with torch.no_grad():
        middle = float(target_model(bundles.get(tiny), "width").measured(drawn).median())
    *_, end = fit(tiny, f"width > {middle:.9f}", "wide", SMALL)
    entry = service.about(tiny)["models"]["wide"]
    assert entry["classes"] == list(end.counts)
    assert entry["classes"][1].startswith("more than ")
    said = service.predict(tiny, picture, "wide").label
    target = next(name for name in entry["classes"] if name != said)
    for method in ("leapfactual", "place", "clarity"):
        *_, answer = service.explain(Request(tiny, method, target, picture, model="wide"))
        assert answer.record["target"] == target


def test_the_same_fit_twice_gives_the_same_weights(tiny, halves):
    prints = []
    for name in ("one", "two"):
        list(fit(tiny, halves, name, SMALL))
        prints.append(bundles.get(tiny).fingerprint(f"{name}.velocity"))
    assert prints[0] == prints[1] != ""


def test_faces_are_fitted_to_a_model_of_other_classes(tmp_path, monkeypatch):
    """As CLIP's opinions of faces are in the paper: labels only, latents of a generator."""
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    faces = write_faces(tmp_path / "faces")
    pictures = np.stack([service.sample(faces, seed) for seed in range(24)])
    usual = np.median(pictures[..., 0].mean((1, 2)))

    def tints(x):
        return np.where(255 * x[..., 0].mean((1, 2)) > usual, 0, 1)

    network = of_object(tints, Options(classes=("red", "pale")), size=32, channels=3)
    added.add("tints", lambda _: Classifier(network, network.labels))
    *_, end = fit(faces, "tints", "tints", SMALL)
    assert end.parts == ["tints.velocity"], "the other parts know another space"
    said = service.predict(faces, pictures[0], "tints").label
    target = {"red": "pale", "pale": "red"}[said]
    request = Request(faces, "leapfactual", target, pictures[0], model="tints")
    *_, answer = service.explain(request)
    assert answer.record["target"] == target
    assert answer.counterfactual.shape == (32, 32, 3)


def test_where_a_field_is_the_denoiser_too_ldce_is_fitted_with_it(tmp_path, monkeypatch):
    make_small(monkeypatch, tmp_path / "bundles")
    for _ in new("squares", write_tree(tmp_path / "pictures", 40), NewConfig(size=32)):
        pass
    parts = ["classifier", "latent_autoencoder", "velocity"]
    list(train_for(bundles.find("squares"), 0.06, parts, "cpu", "train"))
    picture = bundles.find("squares").test_pictures()[0][0]
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1024, 3))
    added.add("thirds", lambda _: Classifier(network, ["a", "b", "c"]))
    *_, end = fit("squares", "thirds", "thirds", SMALL | {"drawn": 100})
    assert end.parts == ["thirds.velocity", "thirds.denoiser"]
    said = service.predict("squares", picture, "thirds").label
    target = next(name for name in "abc" if name != said)
    settings = {"steps": 4}
    request = Request("squares", "ldce", target, picture, model="thirds", settings=settings)
    *_, answer = service.explain(request)
    assert answer.record["target"] == target


def test_a_model_that_sees_no_difference_is_refused(tiny):
    same = of_object(lambda x: [0] * len(x), Options(classes=("a", "b")), size=16, channels=1)
    added.add("same", lambda _: Classifier(same, same.labels))
    with pytest.raises(BadInput, match="calls every picture that the bundle draws 'a'"):
        list(fit(tiny, "same", "same", SMALL))


def test_usual_names():
    assert usual_name("torchvision:resnet18@a/b/own weights.pth?size=3") == "own weights"
    assert usual_name("hf:owner/name.v2") == "name"
    assert usual_name("own.py:make") == "make"
    assert usual_name("thickness > 3") == "thickness 3"
