import numpy as np
import pytest

from backends import bundles
from backends.bundles import Bundle
from backends.errors import BadInput
from backends.evaluation import domain
from backends.evaluation.domain import FIVE, Report, make, train
from backends.training.new import Made, NewConfig
from tests.backends.training.own_pictures import make_small, write_tree


@pytest.fixture
def folder(tmp_path, monkeypatch):
    make_small(monkeypatch, tmp_path / "bundles")
    monkeypatch.setattr(domain, "JUDGED", 4)
    return write_tree(tmp_path / "pictures", 30)


@pytest.mark.slow
def test_from_a_folder_of_pictures_to_a_table(folder):
    items = list(make("squares", folder, NewConfig(size=32, held_out=0.2), minutes=0.2))
    assert any(isinstance(item, Made) for item in items)
    assert set(items[-1].parts) == {"classifier", "oracle"}
    assert items[-1].parts["classifier"]["test_accuracy"] > 0.9, "bright and dark"
    *_, report = train("squares", 0.1)
    assert isinstance(report, Report)
    assert [row["method"] for row in report.methods] == list(FIVE)
    for row in report.methods:
        assert row["n"] == 4
        assert 0 <= row["flip_rate"] <= 1
    assert {"latent_autoencoder", "velocity", "bridge", "flow"} <= set(report.parts)
    assert "autoencoder" not in report.parts, "the same network once"
    told = " ".join(report.advice)
    assert "fewer steps than they need" in told
    assert "fewer than 500 pictures" in told
    assert Bundle(bundles.find("squares").folder).problem("denoiser") is None


def test_a_bundle_that_nobody_can_train_is_one_sentence(folder):
    with pytest.raises(BadInput, match="was not made by"):
        next(train("digits", 1))


def test_advice_names_what_is_not_good_enough(folder):
    for _ in make("squares", folder, NewConfig(size=32), minutes=0):
        pass
    bundle = bundles.find("squares")
    parts = {
        "classifier": {"test_accuracy": 0.7}, "oracle": {"test_accuracy": 0.99},
        "latent_autoencoder": {
            "test_psnr_db": 18.0, "test_same_verdict": 0.5, "steps": 9000.0,
        },
    }  # fmt: skip
    rows = [
        {"method": "place", "n": 4, "flip_rate": 0.5, "oracle_agreement": 0.5},
        {"method": "rcsb", "n": 4, "flip_rate": 1.0, "oracle_agreement": 0.25},
        {"method": "ldce", "n": 4, "flip_rate": 1.0, "oracle_agreement": None},
        {"method": "leapfactual", "problem": "no field"},
    ]
    told = domain._advice(bundle, parts, rows)
    for start in ("The classifier is right about 70%", "The autoencoder rebuilds", "place reaches",
                  "The model says of 50% of the rebuilt", "The oracle agrees with 25% of rcsb",
                  "leapfactual cannot run"):  # fmt: skip
        assert sum(sentence.startswith(start) for sentence in told) == 1, start
    assert not any("ldce" in sentence or "The oracle is right" in sentence for sentence in told)
    assert not domain._advice(_plenty(bundle), {}, [])


def _plenty(bundle):
    """The bundle with a thousand pictures of each class."""
    labels = np.repeat([0, 1], 1000)
    pictures = np.zeros((2000, 1, 1, 1), np.uint8)
    np.savez(bundle.folder / "train.npz", pictures=pictures, labels=labels)
    return bundle
