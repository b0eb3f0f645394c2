"""People's labels become a target model that LeapFactual explains."""

import json
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from backends import bundles, registry, service
from backends.bundles import latent_cache, user_models
from backends.core import Answer, Request
from backends.errors import BadInput, NotFound
from backends.priors.velocity import VelocityField
from backends.service import retraining
from backends.targets.label_models import Neighbours
from backends.training.labelled import Labelled
from backends.training.people import field
from backends.training.retrain_settings import Learning, Learnt

QUICK = {"steps": 20, "drawn": 100}


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    return tmp_path / "models" / "tiny"


def labelled(count=60, classes=("bright left", "b"), seed=0) -> Labelled:
    """Pictures whose brighter half is the label."""
    draw = np.random.default_rng(seed)
    pictures = draw.integers(0, 90, (count, 16, 16, 1), dtype=np.uint8)
    right = draw.integers(0, 2, count)
    for picture, side in zip(pictures, right, strict=True):
        picture[:, 8 * side : 8 * side + 8] += 150
    labels = np.eye(2, dtype=np.float32)[right]
    return Labelled(list(classes), pictures, labels, np.ones(count, np.float32), "test set 1")


def retrained(bundle, name="ours", rows=None, **settings) -> Learnt:
    *_, end = retraining.retrain(bundle, name, rows or labelled(), QUICK | settings)
    return end


@pytest.mark.slow
def test_a_retraining_tells_where_it_stands_and_ends_with_a_model_that_works_at_once(tiny):
    before = service.about(tiny)
    told = list(retraining.retrain(tiny, "ours", labelled(), QUICK))
    assert "ours" not in before["models"]
    assert all(isinstance(t, Learning) for t in told[:-1])
    shares = [t.share for t in told[:-1]]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.3
    assert shares[-1] == pytest.approx(1)
    assert [t.loss for t in told if getattr(t, "phase", "") == "fitting"][-1] > 0
    end = told[-1]
    assert (end.model, end.classes, end.rows, end.skipped) == ("ours", ["bright left", "b"], 60, 0)
    assert end.quality["held_out_rows"] == 6
    about = service.about(tiny)["models"]["ours"]
    assert (about["labels"], about["differentiable"]) == ("test set 1", False)
    json.dumps(service.about(tiny))


def test_the_model_says_what_people_said_of_such_pictures(tiny):
    retrained(tiny, drawn=0)
    new = labelled(40, seed=1)
    said = [service.predict(tiny, picture, "ours").label for picture in new.pictures]
    wanted = [new.classes[i] for i in new.labels.argmax(1)]
    assert sum(a == b for a, b in zip(said, wanted, strict=True)) >= 36


@pytest.mark.slow
def test_leapfactual_explains_it_and_methods_with_gradients_say_why_not(tiny):
    retrained(tiny)
    picture = labelled(1, seed=2).pictures[0]
    label = service.predict(tiny, picture, "ours").label
    target = {"b": "bright left"}.get(label, "b")

    def request(method):
        return Request(tiny, method, target, picture, model="ours")

    *frames, answer = service.explain(request("leapfactual"))
    assert isinstance(answer, Answer)
    assert len(frames) >= 20
    assert answer.record["model"] == "ours"
    assert set(answer.record["counterfactual"]["probabilities"]) == {"bright left", "b"}
    methods = service.about(tiny)["models"]["ours"]["methods"]
    assert methods["leapfactual"] is None
    followers = [m for m in registry.METHODS if registry.method(m).differentiable]
    for method in followers:
        assert "choose LeapFactual, or retrain with a student" in methods[method]
        with pytest.raises(BadInput, match="labels have none"):
            next(service.explain(request(method)))
    assert "trained for the bundle's classes" in methods["clarity"]
    with pytest.raises(BadInput, match="choose Occlusion"):
        service.propose(tiny, picture, {"attribution": "integrated_gradients"}, "ours")


@pytest.mark.slow
def test_a_student_has_gradients(tiny):
    end = retrained(tiny, student=True, steps=60)
    assert end.differentiable
    methods = service.about(tiny)["models"]["ours"]["methods"]
    assert methods["leapfactual"] is None
    assert methods["diffeomorphic"] is None
    picture = labelled(1, seed=2).pictures[0]
    label = service.predict(tiny, picture, "ours").label
    target = {"b": "bright left"}.get(label, "b")
    steps = service.explain(Request(tiny, "diffeomorphic", target, picture, model="ours"))
    assert next(steps).index == 1
    steps.close()


def test_a_field_carries_over_the_classes_it_knows():
    arguments = {"latent": 4, "classes": 3, "width": 8, "depth": 2}
    old = VelocityField(**arguments)
    new = field("velocity_field", arguments, ["c", "new", "a", "b"], old, ["a", "b", "c"])
    z, t = torch.randn(5, 4), torch.rand(5)
    for name, place in (("a", 2), ("b", 3), ("c", 0)):
        c_old, c_new = torch.eye(3)["abc".index(name)], torch.eye(4)[place]
        torch.testing.assert_close(new(t, z, c_new.expand(5, 4)), old(t, z, c_old.expand(5, 3)))
    fresh = field("velocity_field", arguments, ["c"], None, [])
    assert fresh.body[0].weight.shape == (8, 4 + 1 + 1)


def fitting(steps):
    return [t for t in steps if isinstance(t, Learning) and t.phase == "fitting"]


@pytest.mark.slow
def test_a_stopped_retraining_goes_on_where_it_was_and_ends_the_same(tiny, models):
    whole = retrained(tiny, steps=300)
    weights = {p.name: load_file(p) for p in (models / "ours").glob("velocity*")}
    retraining.forget(tiny, "ours")
    settings = QUICK | {"steps": 300}
    stopped = retraining.retrain(tiny, "ours", labelled(), settings)
    for told in stopped:
        if told.phase == "fitting" and told.done >= 270:
            break
    stopped.close()
    assert bundles.get(tiny).model("ours") is None
    rest = list(retraining.retrain(tiny, "ours", labelled(), settings))
    assert fitting(rest)[0].done == 270, "nothing is lost"
    assert rest[-1].quality == pytest.approx(whole.quality)
    assert {p.name: load_file(p) for p in (models / "ours").glob("velocity*")}.keys() == (
        weights.keys()
    ), "files are named by their content"
    other = list(retraining.retrain(tiny, "theirs", labelled(seed=3), settings))
    assert fitting(other)[0].done == 5


def test_an_interrupted_retraining_leaves_the_earlier_model(tiny):
    retrained(tiny)
    before = bundles.get(tiny).fingerprint("ours.velocity")
    again = retraining.retrain(tiny, "ours", labelled(seed=5), QUICK)
    next(again)
    again.close()
    assert bundles.get(tiny).fingerprint("ours.velocity") == before
    assert bundles.get(tiny).problem("ours") is None
    retrained(tiny, rows=labelled(seed=5))
    assert bundles.get(tiny).fingerprint("ours.velocity") != before


def test_what_another_process_trained_is_seen_and_what_it_deleted_is_gone(tiny, models):
    retrained(tiny)
    first = bundles.get(tiny).part("ours")
    elsewhere = bundles.Bundle(bundles.get(tiny).folder)
    assert elsewhere.part("ours").labels.equal(first.labels)
    retrained(tiny, rows=labelled(80))
    assert len(elsewhere.part("ours").labels) > len(first.labels)
    retraining.forget(tiny, "ours")
    assert "ours" not in elsewhere.manifest.parts
    assert "ours.velocity" not in elsewhere.manifest.parts
    assert not (models / "ours").exists()
    with pytest.raises(NotFound, match="no trained model 'ours'"):
        retraining.forget(tiny, "ours")


def test_writing_a_bundles_part_leaves_peoples_models_out_of_it(tiny, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tiny, copy)
    retrained(str(copy))
    found = bundles.find(str(copy))
    entry = found.own.parts["velocity"]
    bundles.write_part(copy, found.manifest, "velocity", found.part("velocity"), entry)
    assert "ours" not in json.loads((copy / "bundle.json").read_text())["parts"]


def test_models_of_another_autoencoder_say_so(tiny, tmp_path):
    import shutil

    retrained(tiny)
    copy = tmp_path / "copy"
    shutil.copytree(tiny, copy)
    found = bundles.find(str(copy))
    network = found.part("autoencoder")
    with torch.no_grad():
        next(network.parameters()).add_(1)
    entry = found.own.parts["autoencoder"]
    bundles.write_part(copy, found.own, "autoencoder", network, entry)
    assert "retrain 'ours' from its labels" in bundles.find(str(copy)).problem("ours")
    assert "ours" not in service.about(str(copy))["models"]


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "a" * 41, "a\\b", "c."])
def test_names_that_are_no_plain_names_are_refused(tiny, name):
    with pytest.raises(BadInput, match="cannot be a model's name"):
        next(retraining.retrain(tiny, name, labelled(), QUICK))
    with pytest.raises(NotFound):
        user_models.forget("tiny", name)


@pytest.mark.parametrize("name", ["classifier", "Velocity", "width", "people", "generator"])
def test_names_of_the_bundles_parts_are_refused(tiny, name):
    with pytest.raises(BadInput, match="another name"):
        next(retraining.retrain(tiny, name, labelled(), QUICK))


def test_rows_that_cannot_be_learnt_from_are_refused(tiny):
    rows = labelled()
    one = Labelled(rows.classes, rows.pictures, np.eye(2, dtype=np.float32)[[0] * 60],
                   rows.weights, "v")  # fmt: skip
    few = labelled(5)
    large = Labelled(rows.classes, np.zeros((60, 8, 8, 1), np.uint8), rows.labels, rows.weights, "")
    for wrong, words in ((one, "same class"), (few, "too few"), (large, "not 16x16")):
        with pytest.raises(BadInput, match=words):
            next(retraining.retrain(tiny, "ours", wrong, QUICK))
    with pytest.raises(BadInput, match="stepz"):
        next(retraining.retrain(tiny, "ours", rows, {"stepz": 3}))


def test_a_folder_that_cannot_be_written_is_named(tiny, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("STUDIO_MODELS", str(blocked))
    with pytest.raises(BadInput, match="STUDIO_MODELS"):
        retrained(tiny)


def test_weights_decide_between_neighbours():
    f = Neighbours(2, 2, 3)
    f.labels.copy_(torch.eye(2))
    f.weights.copy_(torch.tensor([1.0, 3.0]))
    p = f.weighed(torch.zeros(1, 2), torch.tensor([[0, 1]]))
    torch.testing.assert_close(p, torch.tensor([[0.25, 0.75]]), atol=1e-3, rtol=0)
    assert float(p.sum()) == pytest.approx(1)


def test_soft_labels_are_learnt_as_they_are_and_hard_ones_as_what_most_say(tiny):
    rows = labelled()
    soft = np.where(rows.labels > 0, 0.7, 0.3).astype(np.float32)
    rows = Labelled(rows.classes, rows.pictures, soft, rows.weights, "v")
    for settings, most in (("soft", 0.7), ("hard", 1.0)):
        retrained(tiny, rows=rows, labels=settings)
        assert float(bundles.get(tiny).part("ours").labels.max()) == pytest.approx(most)


def test_steps_are_short(tiny):
    retrained(tiny)  # what is loaded at first use shall not count
    start, longest = time.perf_counter(), 0.0
    for _ in retraining.retrain(tiny, "theirs", labelled(200), QUICK | {"steps": 100}):
        longest, start = max(longest, time.perf_counter() - start), time.perf_counter()
    assert longest < 1, "a stop would be late"


FACES = ("mobile_stylegan", {"latent": 8, "depth": 2, "widths": [8, 8, 8]})


def write_faces(folder) -> str:
    """A bundle whose prior draws faces of 32 pixels."""
    manifest = bundles.Manifest(
        name="tiny", title="", description="", image_size=32, channels=3,
        class_names=["a", "b"], licence="", parts={},
    )  # fmt: skip
    shapes = {
        "generator": (*FACES, ["autoencoder"]),
        "classifier": (
            "conv_classifier", {"channels": 3, "size": 32, "classes": 2, "width": 4}, [],
        ),
        "velocity": ("velocity_field", {"latent": 8, "classes": 2, "width": 8, "depth": 2}, []),
    }  # fmt: skip
    for name, (architecture, arguments, serves) in shapes.items():
        torch.manual_seed(3)
        network = registry.architecture(architecture)(**arguments)
        part = bundles.Part(
            kind=name, architecture=architecture, arguments=arguments, serves=serves,
            file=f"{name}.safetensors", licence="",
        )  # fmt: skip
        bundles.write_part(folder, manifest, name, network, part)
    return str(folder)


def test_drawn_faces_are_learnt_from_and_others_are_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    faces = write_faces(tmp_path / "faces")
    pictures = np.stack([service.sample(faces, seed) for seed in range(24)])
    stranger = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    labels = np.eye(2, dtype=np.float32)[np.arange(26) % 2]
    rows = Labelled(["ours", "b"], np.concatenate([pictures, stranger]), labels,
                    np.ones(26, np.float32), "faces 1")  # fmt: skip
    end = retrained(faces, rows=rows, drawn=8)
    assert (end.rows, end.skipped) == (24, 2)
    assert latent_cache.recall(bundles.get(faces).fingerprint("generator"), stranger[0]) is None
    label = service.predict(faces, pictures[0], "ours").label
    target = {"b": "ours"}.get(label, "b")
    request = Request(faces, "leapfactual", target, pictures[0], model="ours")
    *_, answer = service.explain(request)
    assert answer.counterfactual.shape == (32, 32, 3)
    unknown = Labelled(rows.classes, np.repeat(stranger, 10, 0), labels[:20], rows.weights[:20], "")
    with pytest.raises(BadInput, match="known to the generator"):
        list(retraining.retrain(faces, "ours", unknown, QUICK))
