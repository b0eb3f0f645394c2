"""What an answer carries beside its picture: its latent, what the prior makes of the factual, and
the method's further answers. Each method is asked without being named where that is possible."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from backends import bundles, registry, service
from backends.core import Region
from backends.explain.question import Question
from backends.explain.runner import run
from backends.imaging import composite, eight_bit
from studio import export
from studio.export import tables
from studio.runs.comparison import Comparison
from studio.runs.run import Run
from studio.ui.compare import markup as compare_markup

ENCODE = ("autoencoder", "flow", "gan", "latent_autoencoder", "text_autoencoder")
WITH_PRIOR = sorted(n for n in registry.METHODS if set(registry.method(n).needs) & set(ENCODE))


def few(name):
    steps = getattr(registry.method(name).Config(), "steps", 0)
    return {"steps": 12} if steps > 12 else {}


def last_of(tiny, name, region=None, **settings):
    x = torch.randint(0, 256, (2, 1, 16, 16), generator=torch.Generator().manual_seed(1)) / 255
    region = region or Region(torch.ones_like(x))
    target, settings = torch.tensor([1, 2]), few(name) | settings
    *_, last = run(Question.of(bundles.find(tiny), name, x, target, region, settings, 0))
    return x, last.counterfactual


@pytest.mark.parametrize("name", sorted(registry.METHODS))
def test_what_the_prior_makes_of_the_factual_is_there(tiny, name):
    x, answer = last_of(tiny, name)
    if name == "conditional_vae":
        _rebuilt_with_its_class(tiny, x, answer)
        return
    if name not in WITH_PRIOR:
        assert answer.reconstruction is None
        assert "reconstruction_l1" not in answer.metrics
        return
    part = next(k for k in registry.method(name).needs if k in ENCODE)
    prior = bundles.find(tiny).part(part)
    with torch.no_grad():
        rebuilt = eight_bit(prior.decode(prior.encode(x)))
    assert (answer.reconstruction - rebuilt).abs().max() <= 1 / 255
    change = (answer.reconstruction - x).abs().flatten(1).sum(1)
    assert torch.allclose(answer.metrics["reconstruction_l1"], change, atol=1e-3)
    beyond = (answer.image - answer.reconstruction).abs().flatten(1).sum(1)
    assert torch.allclose(answer.metrics["l1_from_reconstruction"], beyond, atol=1e-3)


def _rebuilt_with_its_class(tiny, x, answer):
    """By an autoencoder whose condition is what the model says of the picture."""
    prior = bundles.find(tiny).part("conditional_autoencoder")
    with torch.no_grad():
        rebuilt = eight_bit(prior.decode(prior.encode(x, answer.factual), answer.factual))
    assert (answer.reconstruction - rebuilt).abs().max() <= 1 / 255


# The prototypes' search is in pixels, and the autoencoder only draws it.
DECODED = [name for name in WITH_PRIOR if name != "prototypes"]


@pytest.mark.parametrize("name", DECODED)
def test_the_answer_is_its_latent_decoded(tiny, name):
    mask = torch.zeros(2, 1, 16, 16)
    mask[..., 3:12, 2:13] = 1
    x, answer = last_of(tiny, name, Region(mask))
    part = next(k for k in registry.method(name).needs if k in ENCODE)
    with torch.no_grad():
        picture = eight_bit(bundles.find(tiny).part(part).decode(answer.latent))
    assert (composite(x, picture, mask) - answer.image).abs().max() <= 1.01 / 255


def test_each_shown_step_has_its_own_latent(tiny):
    x = torch.rand(1, 1, 16, 16)
    for name in ("diffeomorphic_vae", "place"):
        region = Region(torch.ones_like(x))
        found = bundles.find(tiny)
        steps = list(run(Question.of(found, name, x, torch.tensor([1]), region, {"steps": 5})))
        prior = bundles.find(tiny).part("autoencoder")
        for step in steps:
            with torch.no_grad():
                picture = eight_bit(prior.decode(step.latent))
            assert (picture - step.image).abs().max() <= 1.01 / 255


def test_leapfactual_gives_the_standard_counterfactual_and_the_reliable_one(tiny):
    _, both = last_of(tiny, "leapfactual", blending_leaps=3, injection_leaps=2)
    _, alone = last_of(tiny, "leapfactual", blending_leaps=3, injection_leaps=0)
    assert (both.name, list(both.alternatives)) == ("reliable", ["standard"])
    assert (alone.name, alone.alternatives) == ("standard", {})
    standard = both.alternatives["standard"]
    assert torch.equal(standard.image, alone.image)
    assert torch.equal(standard.latent, alone.latent)
    assert not torch.equal(standard.image, both.image)
    assert (standard.step, both.step) == (3, 5)
    assert set(standard.metrics) == set(both.metrics)
    for key, value in alone.metrics.items():
        assert torch.equal(standard.metrics[key], value)
    _, injected = last_of(tiny, "leapfactual", blending_leaps=0, injection_leaps=2)
    assert (injected.name, injected.alternatives) == ("reliable", {})


@pytest.fixture
def answered(ask):
    *frames, answer = service.explain(ask("leapfactual", region="box:2,2,12,12"))
    return answer, frames


def test_further_answers_stand_in_the_record(answered):
    answer, _ = answered
    assert json.loads(json.dumps(answer.record)) == answer.record
    assert answer.record["answer"] == "reliable"
    standard = answer.record["alternatives"]["standard"]
    assert standard == answer.alternatives["standard"].record
    assert {"status", "flipped", "counterfactual", "metrics", "oracle", "step"} <= set(standard)
    assert standard["metrics"]["change_outside"] == 0


def test_the_result_folder_has_all_of_it_and_nothing_of_an_earlier_answer(answered, ask, tmp_path):
    answer, frames = answered
    export.write(tmp_path / "out", answer, frames)
    saved = np.asarray(Image.open(tmp_path / "out" / "alternative_standard.png"))
    assert np.array_equal(saved, answer.alternatives["standard"].counterfactual[..., 0])
    assert np.array_equal(np.load(tmp_path / "out" / "latent.npy"), answer.latent)
    other = np.load(tmp_path / "out" / "alternative_standard_latent.npy")
    assert other.shape == answer.latent.shape
    more = {"reconstruction.png", "difference_from_reconstruction.png", "latent.npy"}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert more < names
    *frames, answer = service.explain(ask("rcsb", settings={"steps": 2}))
    export.write(tmp_path / "out", answer, frames)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert not more & names
    assert not [name for name in names if name.startswith("alternative_")]


def test_what_the_prior_fails_to_rebuild_is_no_change(answered):
    answer, _ = answered
    inside = answer.mask[..., None] > 0
    same = np.where(inside, answer.reconstruction, answer.factual)
    unchanged = type(answer)(
        answer.factual, same, answer.mask, {}, reconstruction=answer.reconstruction
    )
    assert np.asarray(export.absolute_difference(unchanged)).max() > 5
    black = np.asarray(export.difference_from_reconstruction(unchanged))
    assert (black == black[0, 0]).all()


def test_compare_has_a_line_and_a_picture_for_each_answer(answered, ask):
    answer, _ = answered
    request = ask("leapfactual")
    done = Run(request, "me", state="done", answer=answer)
    comparison = Comparison("me", [request])
    comparison.runs = [done]
    (row,), (other,) = comparison.rows(), comparison.alternatives()
    assert (row["answer"], other["answer"]) == ("reliable", "standard")
    standard = answer.record["alternatives"]["standard"]
    assert other["label"] == standard["counterfactual"]["label"]
    assert other["l1"] == standard["metrics"]["l1"]
    assert other["seconds"] is other["nfe"] is None
    shown = compare_markup.answered("LeapFactual", 0, "data:a", "data:b", row, [("data:c", other)])
    assert "data:c" in shown
    assert "standard" in shown
    assert tables.as_csv([row, other]).count("leapfactual") == 2
    assert comparison.as_json()["alternatives"] == [other]
