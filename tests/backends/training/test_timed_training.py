import pytest
import torch

from backends import bundles
from backends.bundles import Bundle
from backends.errors import BadInput
from backends.targets.named import target_model
from backends.training.digits import DIGITS
from backends.training.fit import FitPlan
from backends.training.new import NewConfig, new
from backends.training.recipe import train
from backends.training.timed_training import parts_of, train_for
from tests.backends.training.own_pictures import make_small, write_tree
from tests.conftest import write_tiny

PARTS = ["latent_autoencoder", "velocity", "bridge", "flow", "density", "latent_ensemble"]
BRIEF = 0.02  # minutes


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    make_small(monkeypatch, tmp_path / "bundles")
    for _ in new("squares", write_tree(tmp_path / "pictures", 40), NewConfig(size=32)):
        pass
    return bundles.find("squares")


def taught(bundle, minutes=BRIEF, parts=()):
    opened = Bundle(bundle.folder)  # as it is on the disk now
    items = list(train_for(opened, minutes, parts, "cpu", "train squares"))
    return items, Bundle(bundle.folder)


@pytest.mark.slow
def test_all_parts_are_trained_and_two_are_the_same_networks(bundle):
    taught(bundle, BRIEF, ["classifier", "oracle"])
    items, after = taught(bundle, 6 * BRIEF)
    assert list(dict.fromkeys(item.part for item in items)) == PARTS
    shares = [item.share for item in items]
    assert shares == sorted(shares)
    assert shares[-1] <= 1
    for part in [*PARTS, "autoencoder", "denoiser", "classifier", "oracle"]:
        assert after.problem(part) is None, part
        assert after.own.parts[part].trained.quality
    assert after.own.parts["autoencoder"].file == after.own.parts["latent_autoencoder"].file
    x = torch.rand(2, 1, 32, 32)
    flat, small = after.part("autoencoder"), after.part("latent_autoencoder")
    assert torch.equal(flat.encode(x), small.encode(x).flatten(1))
    assert torch.equal(flat.decode(flat.encode(x)), small.decode(small.encode(x)))
    assert not (bundle.folder / "checkpoints" / "training.json").exists()


def test_a_training_is_resumed_where_it_was_left(bundle):
    taught(bundle, BRIEF, ["classifier", "oracle"])
    begun = train_for(bundle, 2 * BRIEF, ["bridge", "oracle"], "cpu", "train")
    for item in begun:
        if item.part == "bridge" and item.step:
            break
    begun.close()
    items, after = taught(bundle, 2 * BRIEF, ["bridge", "oracle"])
    assert {item.part for item in items} == {"bridge"}, "the oracle was done"
    assert after.problem("bridge") is None


def test_a_part_is_trained_further(bundle):
    _, before = taught(bundle, BRIEF, ["classifier"])
    weights = before.part("classifier").state_dict()
    _, after = taught(bundle, 1e-4, ["classifier"])
    further = after.part("classifier").state_dict()
    moved = max(float((further[k] - v).abs().max()) for k, v in weights.items() if v.ndim > 1)
    assert moved < 0.05, "it began where it was"
    assert target_model(after).class_names == ["bright", "dark"]


def test_a_part_that_learnt_from_another_autoencoder_is_told(bundle):
    taught(bundle, BRIEF, ["classifier", "latent_autoencoder", "velocity"])
    assert Bundle(bundle.folder).problem("velocity") is None
    _, after = taught(bundle, BRIEF, ["latent_autoencoder"])
    assert "trained anew since" in after.problem("velocity")
    assert "train squares --minutes 60 --parts velocity" in after.problem("velocity")


def test_parts_are_asked_for_by_either_name(bundle):
    assert parts_of(bundle, ["denoiser", "autoencoder"]) == ["latent_autoencoder", "velocity"]
    assert parts_of(bundle, []) == ["classifier", "oracle", *PARTS], "which nobody has trained"
    with pytest.raises(BadInput, match="there is no part 'gan' to train"):
        parts_of(bundle, ["gan"])


def test_only_bundles_of_ones_own_can_be_trained(tmp_path):
    with pytest.raises(BadInput, match="was not made by"):
        parts_of(Bundle(write_tiny(tmp_path / "tiny")), [])


def test_training_never_ruins_another_domains_bundle(bundle, tmp_path):
    """Fault D3: the digits' recipe would replace sizes, channels and classes."""
    before = (bundle.folder / "bundle.json").read_bytes()
    with pytest.raises(BadInput, match=r"holds the bundle 'squares'.*train squares --minutes"):
        next(train(DIGITS, str(tmp_path), bundle.folder, ["classifier"], "cpu", "train"))
    assert (bundle.folder / "bundle.json").read_bytes() == before
    assert "--out" not in str(bundle.problem("bridge")), "advice that fits"


def test_the_clock_ends_a_training_and_lowers_its_rate():
    plan = FitPlan(steps=10**6, batch=1, learning_rate=1.0, seconds=10.0)
    assert plan.rate(5, 5.0) == pytest.approx(0.5)
    assert plan.rate(5, 9.99) < 0.01
    assert not plan.over(5, 9.0)
    assert plan.over(5, 10.0)
    assert plan.expected(100, 5.0) == 200
    assert plan.without(4.0).seconds == 6.0
    assert plan.without(40.0).seconds == 2.0
