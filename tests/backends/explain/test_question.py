"""Questions: plain models are enough, and only what learnt a model's classes judges it."""

import dataclasses

import pytest
import torch
from torch import nn

from backends import bundles, registry, service
from backends.core import Region
from backends.errors import BadInput
from backends.explain.judge import judge
from backends.explain.question import Question, config_of, posed
from backends.explain.runner import run
from backends.regions.spec import RegionSpec
from backends.targets.threshold import Regressor, Threshold
from tests.conftest import MANIFEST, write_tiny

METHODS = sorted(registry.METHODS)


class Plain:
    """What :class:`backends.core.TargetModel` documents, and nothing else."""

    differentiable = True

    def __init__(self, network, class_names):
        self.class_names = class_names
        self.__dict__["_private"] = network

    def logits(self, x):
        return self._private(x)

    def probabilities(self, x):
        return self.logits(x).softmax(1)


def pictures(count=2):
    x = torch.randint(0, 256, (count, 1, 16, 16), generator=torch.Generator().manual_seed(1)) / 255
    mask = torch.zeros(count, 1, 16, 16)
    mask[:, :, 4:12, 2:12] = 1
    return x, Region(mask, "box")


def few(name):
    fields = registry.method(name).Config.model_fields
    short = {"steps": 3, "inversion": 2, "blending_leaps": 2, "injection_leaps": 1}
    return {key: value for key, value in short.items() if key in fields}


@pytest.mark.parametrize(
    "seed", [10**30, 2**63, -1, 0.5, float("nan"), float("inf"), True, "3", None, [1]]
)
def test_a_seed_that_no_generator_takes_is_refused(tiny, seed):
    x, region = pictures()
    with pytest.raises(BadInput, match="a seed is a whole number"):
        Question.of(bundles.find(tiny), "rcsb", x, torch.tensor([0, 1]), region, seed=seed)


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), 10**30, "many", [1]])
def test_a_setting_that_is_no_number_is_refused(tiny, value):
    with pytest.raises(BadInput, match="setting 'steps' of rcsb"):
        config_of(bundles.find(tiny), "rcsb", {"steps": value})


@pytest.mark.parametrize("name", METHODS)
def test_the_documented_target_model_is_enough(tiny, name):
    bundle, (x, region) = bundles.find(tiny), pictures()
    model = Plain(bundle.part("classifier"), bundle.manifest.class_names)
    target = torch.tensor([0, 1])
    *_, last = run(Question.of(bundle, name, x, target, region, few(name), 3, model))
    *_, usual = run(Question.of(bundle, name, x, target, region, few(name), 3))
    assert torch.equal(last.image, usual.image)
    answer = last.counterfactual
    assert answer.nfe == usual.counterfactual.nfe
    assert answer.nfe["target_model"]["forward"] > 0
    assert set(answer.metrics) == set(usual.counterfactual.metrics)
    assert torch.equal(judge(Question.of(bundle, name, x, target, region, few(name), 3, model),
                             last.image).flipped, answer.flipped)  # fmt: skip


def test_a_preset_is_taken_whole_and_single_settings_over_it(tiny):
    bundle = bundles.find(tiny)
    a = config_of(bundle, "rcsb", {"preset": "A"})
    assert (a.scale, a.truncation, a.steps) == (3.0, 0.6, 100)
    assert (a.smoothing, a.view, a.composite_estimate) == ("pixel", "stretch", False)
    assert config_of(bundle, "rcsb", {"preset": "A", "steps": 7}) == a.model_copy(
        update={"steps": 7}
    )
    with pytest.raises(BadInput, match="has no preset 'D'; it has: A, B, C"):
        config_of(bundle, "rcsb", {"preset": "D"})
    with pytest.raises(BadInput, match="has no preset 'A'; it has: none"):
        config_of(bundle, "place", {"preset": "A"})


@pytest.mark.parametrize("name", METHODS)
def test_every_preset_is_valid(tiny, name):
    for preset, told in service.about(tiny)["methods"][name]["presets"].items():
        config = config_of(bundles.find(tiny), name, {"preset": preset})
        assert config.model_dump(mode="json") == told["settings"]
        assert not told["region"] or str(RegionSpec.parse(told["region"])) == told["region"]


@pytest.mark.parametrize("name", METHODS)
def test_a_model_with_other_classes_is_refused_or_judged_without_the_oracle(tiny, name):
    bundle, (x, region) = bundles.find(tiny), pictures()
    network = nn.Sequential(nn.Flatten(), nn.Linear(256, 3))
    model, target = Plain(network, ["x", "y", "z"]), torch.tensor([0, 1])
    steps = run(Question.of(bundle, name, x, target, region, few(name), 0, model))
    if registry.method(name).knows_classes:
        with pytest.raises(BadInput, match="trained for the bundle's classes"):
            next(steps)
        return
    *_, last = steps
    assert not {"oracle_label", "log_density"} & set(last.counterfactual.metrics)


@pytest.fixture
def second(tmp_path):
    """A bundle with another classifier of just the same classes."""
    folder = write_tiny(tmp_path / "second")
    arguments = {"channels": 1, "size": 16, "classes": 3, "width": 4}
    torch.manual_seed(77)
    part = bundles.Part(
        kind="classifier", architecture="conv_classifier", arguments=arguments, sha256="",
        file="second.safetensors", licence="Apache-2.0", classes=MANIFEST.class_names,
    )  # fmt: skip
    network = registry.architecture("conv_classifier")(**arguments)
    bundles.write_part(folder, bundles.Bundle(folder).manifest, "second", network, part)
    return bundles.Bundle(folder)


@pytest.mark.parametrize("name", ["ldce", "ldce_txt", "leapfactual", "place"])
def test_what_learnt_the_classes_explains_every_model_that_has_them(second, name):
    x, region = pictures()
    question = Question.of(second, name, x, torch.tensor([0, 1]), region, few(name), part="second")
    *_, last = run(question)
    assert "oracle_label" in last.counterfactual.metrics


def test_a_regressor_is_a_model_and_a_value_of_it_a_goal(tiny):
    bundle, (x, _) = bundles.find(tiny), pictures()
    model, target = posed(bundle, "width", "more than 0.1")
    assert isinstance(model, Threshold)
    assert target == 1
    assert model.confidence() < 0.51 < model.confidence(0.1)
    own = model.regressor
    assert isinstance(own, Regressor)
    assert torch.equal(own.logits(x)[:, 0], own.measured(x))
    with pytest.raises(BadInput, match="no goal for a regressor"):
        posed(bundle, "width", "a")


def test_a_search_ends_where_the_value_is_passed_and_goes_on_if_told_to(tiny):
    bundle, (x, region) = bundles.find(tiny), pictures()
    region = dataclasses.replace(region, mask=torch.ones_like(region.mask))
    with torch.no_grad():
        value = float(bundle.part("width")(x).max()) + 0.0005
    model, target = posed(bundle, "width", f"more than {value:.4f}")
    ends = {}
    for beyond in (0.0, 0.005):
        question = Question.of(
            bundle, "adversarial", x, torch.full((2,), target), region,
            {"rate": 0.002, "steps": 300, "beyond": beyond}, 0, model, part="width",
        )  # fmt: skip
        *_, last = run(question)
        ends[beyond] = last.counterfactual.metrics["value"] - model.value
    assert (ends[0.0] > 0).all()
    assert (ends[0.0] < 0.0015).all(), "one step's overshoot at most"
    assert (ends[0.005] > 0.005 * 0.4).all(), "the usual range is .4 wide"
