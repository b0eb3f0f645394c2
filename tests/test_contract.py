"""Every registered method keeps the contract, on tiny parts and without being named."""

import dataclasses
import inspect
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backends import bundles, registry, service
from backends.core import Answer, Frame, Region, Status
from backends.explain.question import Question
from backends.explain.runner import run
from studio import export

pytestmark = pytest.mark.slow
README = Path(__file__).parent.parent / "README.md"
METHODS = sorted(registry.METHODS)


@pytest.fixture(params=METHODS)
def name(request):
    return request.param


@pytest.fixture
def batch():
    x = torch.randint(0, 256, (3, 1, 16, 16), generator=torch.Generator().manual_seed(1)) / 255
    mask = torch.zeros(3, 1, 16, 16)
    mask[:, :, 4:12, 2:9] = 1
    return x, torch.tensor([0, 1, 2]), Region(mask, "box")


def few_steps(name):
    """A search gives up after a thousand steps by default; a random network never flips."""
    steps = getattr(registry.method(name).Config(), "steps", 0)
    return {"steps": 40} if steps > 100 else {}


def explain(tiny, name, batch, seed=0, **settings):
    x, target, region = batch
    settings = few_steps(name) | settings
    return list(run(Question.of(bundles.find(tiny), name, x, target, region, settings, seed)))


def test_steps_then_one_end(tiny, name, batch):
    steps = explain(tiny, name, batch)
    assert [s.counterfactual is not None for s in steps] == [False] * (len(steps) - 1) + [True]
    # A search that ends early repeats its last step with the answer; not every step is shown.
    indices = [s.index for s in steps]
    assert indices[0] == 1
    assert all(a < b for a, b in pairwise(indices[:-1]))
    assert indices[-2:-1] <= indices[-1:]
    assert indices[-1] <= steps[0].total
    for step in steps:
        assert step.image.shape == batch[0].shape
        assert step.image.min() >= 0
        assert step.image.max() <= 1
        assert step.target_probability.shape == (3,)


def test_nothing_changes_outside_the_region(tiny, name, batch):
    x, _, region = batch
    steps = explain(tiny, name, batch)
    for step in steps:
        assert torch.equal(step.image * (1 - region.mask), x * (1 - region.mask))
    assert (steps[-1].counterfactual.metrics["change_outside"] == 0).all()
    assert not torch.equal(steps[-1].image, x), "the method did nothing at all"


def test_same_seed_same_bytes(tiny, name, batch):
    first, again = (explain(tiny, name, batch, seed=7)[-1].image for _ in range(2))
    assert torch.equal(first, again)


def test_the_seed_matters_where_the_method_says_so(tiny, name, batch):
    one, other = (explain(tiny, name, batch, seed=seed)[-1].image for seed in (7, 8))
    assert torch.equal(one, other) != registry.method(name).seeded


def test_what_it_says_of_itself_is_measured(tiny, name, batch):
    answer = explain(tiny, name, batch)[-1].counterfactual
    with torch.no_grad():
        p = bundles.find(tiny).part("classifier")(answer.image).softmax(1)
    assert torch.equal(answer.flipped, p.argmax(1) == batch[1])
    reached = bool(answer.flipped.all())
    assert answer.status == (Status.FLIPPED if reached else Status.NOT_FLIPPED)
    assert answer.nfe["target_model"]["forward"] > 0
    if registry.method(name).differentiable:
        assert answer.nfe["target_model"]["backward"] > 0
    else:
        assert answer.nfe["target_model"]["backward"] == 0


def test_closing_early_is_safe_and_no_grad_mode_leaks(tiny, name, batch):
    x, target, region = batch
    steps = run(Question.of(bundles.find(tiny), name, x, target, region, few_steps(name)))
    for _ in range(2):
        next(steps)
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()
    steps.close()
    assert torch.is_grad_enabled()
    with torch.no_grad():
        steps = run(Question.of(bundles.find(tiny), name, x, target, region))
        next(steps)
        assert not torch.is_grad_enabled()


def test_config_survives_json_and_describes_itself(name):
    config = registry.method(name).Config
    stored = json.dumps(config().model_dump(mode="json"))
    assert config.model_validate_json(stored) == config()
    for key, field in config.model_json_schema()["properties"].items():
        assert field["title"], key
        assert field["description"], key
        assert field["type"] in ("boolean", "string") or {
            "maximum", "exclusiveMaximum"} & set(field), f"{key} has no bound"  # fmt: skip


def test_citation_and_readme_row(name):
    method = registry.method(name)
    assert method.name == name
    assert any(char.isdigit() for char in method.paper)
    assert f"`{name}`" in README.read_text()
    assert inspect.isgeneratorfunction(method.explain)


def test_quick_on_tiny_parts(tiny, name, batch):
    x, target, region = batch
    one = (x[:1], target[:1], dataclasses.replace(region, mask=region.mask[:1]))

    def seconds():
        start = time.perf_counter()
        explain(tiny, name, one)
        return time.perf_counter() - start

    # The fastest of some, since a machine may have other things to do, too.
    assert any(seconds() < 2 for _ in range(4))


@pytest.mark.parametrize(
    "region", ["whole", "auto", "auto:area=0.2,cell=2", "box:1,2,9,14", "mask"]
)
def test_every_region_source_holds_in_the_saved_files(name, region, ask, picture, tmp_path):
    mask = None
    if region == "mask":
        mask = np.zeros((16, 16), np.uint8)
        mask[3:7, 5:11] = 255
    *frames, answer = service.explain(ask(name, region=region, mask=mask, settings=few_steps(name)))
    assert isinstance(answer, Answer)
    assert all(isinstance(frame, Frame) for frame in frames)
    outside = answer.mask == 0
    export.write(tmp_path / "out", answer, frames)
    saved = np.asarray(Image.open(tmp_path / "out" / "counterfactual.png"))
    assert np.array_equal(saved[outside], picture[..., 0][outside])
    assert answer.record["metrics"]["change_outside"] == 0
    assert json.loads(json.dumps(answer.record)) == answer.record


def test_settings_reach_the_method(name, ask):
    config = registry.method(name).Config()
    key = next(k for k in ("steps", "blending_leaps") if hasattr(config, k))
    *frames, answer = service.explain(ask(name, settings={key: 2}))
    assert answer.record["settings"][key] == 2
    assert len(frames) < 20


def test_batch_equals_single_runs(tiny, name, batch):
    """Pictures of a batch do not influence one another (given the same noise)."""
    x, target, region = batch
    # Over many steps a random network's ties are settled by rounding.
    few = {"steps": 4} if few_steps(name) else {}
    if registry.method(name).seeded:
        pytest.skip("draws noise; its walk is compared in a test of its own")
    together = explain(tiny, name, batch, **few)[-1].image
    for i in range(3):
        mask = region.mask[i : i + 1]
        one = (x[i : i + 1], target[i : i + 1], dataclasses.replace(region, mask=mask))
        assert (explain(tiny, name, one, **few)[-1].image - together[i]).abs().max() <= 1 / 255
