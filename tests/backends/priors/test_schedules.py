"""Noise schedules: times are never visited twice, and a part says which schedule it learnt."""

from itertools import pairwise

import pytest
import torch

from backends.errors import MissingPart
from backends.methods.inpainting import Inpainting
from backends.methods.ldce import LDCE, LDCEText
from backends.methods.rcsb import RCSB
from backends.priors.bridge import BridgeSchedule
from backends.priors.folded_unet import FoldedUNet
from backends.priors.latent_diffusion import ClassDenoiser
from backends.priors.pixel_diffusion import levels
from backends.priors.text_diffusion import TextDenoiser
from backends.targets.model import Classifier
from tests.conftest import TINY

F = Classifier(lambda x: x.flatten(1)[:, :3], ["a", "b", "c"])
SHARES = [0.001, 0.004, 0.05, 0.1, 0.33, 0.5, 0.7, 0.95, 1.0]
STEPS = [1, 2, 3, 7, 48, 49, 50, 51, 99, 100, 350, 499, 500, 1000]


@pytest.mark.parametrize("interval", [20, 500, 1000])
@pytest.mark.parametrize("tau", SHARES)
def test_a_bridge_visits_no_time_twice(interval, tau):
    schedule = BridgeSchedule(interval)
    last = max(2, round(tau * interval)) - 1
    for nfe in range(1, 501) if interval < 1000 else STEPS:
        times = schedule.times(tau, nfe)
        assert times[0] == 0
        assert times[-1] == last
        assert len(times) == min(nfe, last) + 1
        assert all(a < b for a, b in pairwise(times))


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("steps", STEPS)
def test_the_diffusions_visit_no_time_twice(share, steps):
    times = [level.t for level in levels(share, max(2, steps))]
    assert times[-1] == 0
    assert all(a > b for a, b in pairwise(times))
    ldce = LDCE(F, None, None)
    config = LDCE.Config(steps=min(steps, 499), strength=min(share, 0.998))
    times, alphas = ldce.levels(config)
    assert all(a < b for a, b in pairwise(times))
    assert len(alphas) == len(times) + 2


def picture():
    return torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("steps", [49, 50, 500])
def test_rcsb_with_more_steps_than_times_takes_those_there_are_and_says_so(steps):
    torch.manual_seed(0)
    net = FoldedUNet(**TINY["bridge"][1]).eval()
    config = RCSB.Config(steps=steps, truncation=0.05)
    x, mask = picture(), torch.ones(1, 1, 16, 16)
    walked = list(RCSB(F, net).walk(x, torch.tensor([1]), mask, config, torch.zeros_like(x)))
    assert [(s.index, s.total) for s in walked] == [(i, 49) for i in range(1, 50)]
    capped = "capped" in walked[-1].phase
    assert capped == (steps > 49)
    config = RCSB.Config(steps=49, truncation=0.05)
    *_, usual = RCSB(F, net).walk(x, torch.tensor([1]), mask, config, torch.zeros_like(x))
    assert torch.equal(walked[-1].image, usual.image), "no step keeps the whole guidance"


def test_inpainting_says_that_there_are_no_more_levels():
    net = FoldedUNet(**TINY["pixel_denoiser"][1]).eval()
    config = Inpainting.Config(steps=60, truncation=0.05)
    mask = torch.ones(1, 1, 16, 16)
    draw = lambda: torch.zeros(1, 1, 16, 16)  # noqa: E731
    *_, last = Inpainting(F, net).walk(picture(), torch.tensor([1]), mask, config, draw)
    assert (last.total, last.phase) == (50, "ddrm, capped at its 50 noise levels")


def test_a_part_states_its_schedule_and_the_method_follows_it():
    stated = {"interval": 500, "beta_max": 0.3}
    bridge = FoldedUNet(**TINY["bridge"][1], schedule=stated)
    assert (RCSB(F, bridge).schedule.beta == BridgeSchedule(500, 0.3).beta).all()
    plain = FoldedUNet(**TINY["bridge"][1])
    assert (RCSB(F, plain).schedule.beta == BridgeSchedule().beta).all()

    stated = {"beta_schedule": "linear", "interval": 500}
    method = Inpainting(F, FoldedUNet(**TINY["pixel_denoiser"][1], schedule=stated))
    assert len(method.alphas) == 500
    assert method.alphas[0] == pytest.approx(1 - 1e-4)

    stated = {"beta_start": 0.001, "beta_end": 0.02}
    denoiser = ClassDenoiser(**TINY["denoiser"][1], schedule=stated)
    assert LDCE(F, None, denoiser).schedule.config.beta_end == 0.02
    text = TextDenoiser(**TINY["text_denoiser"][1], schedule={"beta_end": 0.02})
    config = LDCEText(F, None, text, None).schedule.config
    assert (config.beta_start, config.beta_end) == (0.00085, 0.02)
    assert text.arguments["schedule"] == {"beta_end": 0.02}


@pytest.mark.parametrize("stated", [{"interval": 7}, {"beta_max": -1}, {"tempo": 3}])
def test_a_schedule_that_is_none_is_one_sentence(stated):
    bridge = FoldedUNet(**TINY["bridge"][1], schedule=stated)
    with pytest.raises(MissingPart, match=r"correct its arguments in bundle\.json"):
        RCSB(F, bridge)
