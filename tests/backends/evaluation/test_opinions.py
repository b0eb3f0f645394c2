"""Further judges of an evaluation, and what its rows say of them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.svm import LinearSVC

from backends import bundles, evaluation
from backends.evaluation import Plan, Row, opinions, questions
from backends.evaluation.judge_networks import JudgeNetworks
from backends.evaluation.opinions import Judges, attributes_of, oracle_probabilities
from backends.targets.named import target_model
from backends.training.data import load_mnist
from backends.training.stored import TRAIN, write
from tests.backends.evaluation.test_rows import with_examples
from tests.backends.training.test_training import write_idx


def judges_of(bundle, count=5, **more):
    plan = Plan(bundle, ["leapfactual"], count, **more)
    found = bundles.get(bundle)
    model = target_model(found)
    drawn = questions.draw(found, count, [], None, 0, model)
    return Judges(plan, found, model, drawn, JudgeNetworks(found))


def judges_beside(folder, classes, asked, data=None):
    """Judges of a bundle's folder alone, where the pictures ``asked`` are asked about."""
    names = [str(k) for k in range(classes)]
    found = SimpleNamespace(
        manifest=SimpleNamespace(class_names=names, test=None), folder=folder, name="own"
    )
    asked = SimpleNamespace(x=asked, source=torch.zeros(len(asked), dtype=torch.int64))
    plan = Plan("own", ["leapfactual"], len(asked.x), data=data)
    return Judges(plan, found, SimpleNamespace(class_names=names), asked, None)


def write_mnist(folder, split, labels):
    """Random digits as MNIST's files of a split hold them."""
    pictures = np.random.default_rng(0).integers(0, 256, (len(labels), 28, 28), np.uint8)
    write_idx(folder / f"{split}-images-idx3-ubyte", pictures, False)
    write_idx(folder / f"{split}-labels-idx1-ubyte", labels.astype(np.uint8), False)


def test_they_learn_mnists_test_pictures_where_its_others_are_not_there(tmp_path):
    write_mnist(tmp_path, "t10k", np.arange(250) % 10)
    asked, _ = load_mnist(str(tmp_path), "test").batch(torch.tensor([3, 14, 15]))
    judges = judges_beside(tmp_path, 10, asked, str(tmp_path))
    assert "learnt 247 test pictures that are not asked about;" in judges.note
    assert judges.svm(asked).shape == (3,)


def test_a_damaged_file_to_learn_from_loses_their_opinion_only(tmp_path):
    write_mnist(tmp_path, "t10k", np.arange(250) % 10)
    for name in ("images-idx3", "labels-idx1"):
        (tmp_path / f"train-{name}-ubyte").write_bytes(b"hello")
    judges = judges_beside(tmp_path, 10, torch.zeros(1, 1, 32, 32), str(tmp_path))
    assert judges.svm(torch.zeros(1, 1, 32, 32)) is None
    assert "are not asked:" in judges.note
    assert "fetch MNIST again." in judges.note


def test_of_many_pictures_in_the_order_of_the_classes_they_learn_all_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(opinions, "MOST", 120)
    pictures = np.random.default_rng(0).integers(0, 256, (300, 4, 4, 1), np.uint8)
    write(tmp_path / TRAIN, pictures, np.repeat(np.arange(3), 100))
    x, y, told = judges_beside(tmp_path, 3, torch.zeros(1, 1, 4, 4))._learnt
    assert np.bincount(y).min() >= 30
    assert told == "120 training pictures"
    again, *_ = judges_beside(tmp_path, 3, torch.zeros(1, 1, 4, 4))._learnt
    assert np.array_equal(x, again), "the same question gives the same table"


def test_of_mnist_they_learn_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr(opinions, "MOST", 200)
    write_mnist(tmp_path, "train", np.arange(250) % 10)
    x, _, _ = judges_beside(tmp_path, 10, torch.zeros(1, 1, 32, 32), str(tmp_path))._learnt
    first, _ = load_mnist(str(tmp_path), "train").batch(torch.arange(200))
    assert np.array_equal(x, first.flatten(1).numpy())


@pytest.mark.weights
@pytest.mark.slow
def test_svm_and_neighbours_learn_what_is_not_asked_about():
    judges = judges_of("digits")
    pictures, labels = bundles.get("digits").test_pictures()
    x = pictures.reshape(len(pictures), -1) / np.float32(255)
    asked = (judges.questions.x.flatten(1).numpy() * 255).round().astype(np.uint8)
    rest = ~(pictures.reshape(len(pictures), -1)[:, None] == asked[None]).all(2).any(1)
    assert rest.sum() == len(x) - 5
    image = torch.from_numpy(x[:40]).view(-1, 1, 32, 32)
    expected = LinearSVC(C=0.01, random_state=0, max_iter=10_000).fit(x[rest], labels[rest])
    assert judges.svm(image).tolist() == expected.predict(x[:40]).tolist()
    x, labels = x[rest], labels[rest]
    most = np.bincount(labels).min()
    balanced = np.concatenate([np.flatnonzero(labels == k)[:most] for k in range(10)])
    near = cdist(image.flatten(1).numpy(), x[balanced]).argsort(axis=1, kind="stable")[:, :10]
    votes = [np.bincount(labels[balanced][row], minlength=10) for row in near]
    for said, counts in zip(judges.neighbours(image).tolist(), votes, strict=True):
        assert counts[said] == counts.max()
    assert "995 test pictures that are not asked about" in judges.note


def test_judges_that_have_nothing_to_learn_say_so(tmp_path):
    bundle = with_examples(tmp_path / "bundle")
    judges = judges_of(bundle)
    assert judges.svm(torch.zeros(1, 1, 16, 16)) is None
    assert "not asked: the bundle has neither" in judges.note
    *_, row, _ = evaluation.evaluate(Plan(bundle, ["leapfactual"], 4, seeds=[0]))
    assert isinstance(row, Row)
    assert judges.note in row.notes
    assert not {"svm_agreement", "neighbour_agreement", "diversity_l2"} & set(row.values)
    assert {"auroc", "oracle_auroc", "latent_l2", "code_l2"} <= set(row.values)


def test_the_oracle_says_what_its_network_says(tiny):
    found = bundles.find(tiny)
    x = torch.rand(60, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    said = oracle_probabilities(found, target_model(found), x)
    with torch.no_grad():
        assert torch.allclose(said, found.part("oracle")(x).softmax(1), atol=1e-5)


def test_attributes_are_those_of_models_with_two_answers(tiny):
    found = bundles.find(tiny)
    x = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    assert attributes_of(found, "classifier", target_model(found), x, x) is None, "three classes"
    model = SimpleNamespace(
        class_names=["dark", "bright"],
        probabilities=lambda x: torch.stack([x.mean((1, 2, 3)) < 0.5, x.mean((1, 2, 3)) > 0.5], 1)
        .float(),
    )  # fmt: skip
    before, after = attributes_of(found, "own.py:model", model, x, 1 - x)
    suggested = found.manifest.parts["width"].property.suggested
    level = suggested[len(suggested) // 2]
    with torch.no_grad():
        for told, seen in ((before, x), (after, 1 - x)):
            assert torch.equal(told[:, 0], seen.mean((1, 2, 3)) > 0.5)
            assert torch.equal(told[:, 1], found.part("width")(seen).flatten() > level)
    assert attributes_of(found, f"width > {level}", model, x, x) is None, "it asks for the width"
