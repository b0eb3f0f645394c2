import torch
from torch.nn import functional as F

from backends.priors.latent_field import FieldDenoiser, LatentField
from backends.priors.velocity import Field

SHAPE = {"latent": 4, "size": 8, "classes": 3, "widths": [8, 16]}


def test_the_denoiser_says_what_the_field_means():
    """For a field that knows the answer, v = z_1 - z_0, the noise is z_0 at every time."""
    denoiser = FieldDenoiser(**SHAPE)
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(5, 4, 8, 8, generator=generator)
    noise = torch.randn(5, 4, 8, 8, generator=generator)
    denoiser.velocity = lambda t, z, c: clean - noise
    for t in (1, 200, 500, 999):
        a = denoiser.alphas[t]
        noised = a.sqrt() * clean + (1 - a).sqrt() * noise
        found = denoiser(noised, torch.full((5,), t), torch.zeros(5, 3))
        assert torch.allclose(found, noise, atol=1e-4)


def test_both_are_one_network():
    field, denoiser = LatentField(**SHAPE), FieldDenoiser(**SHAPE)
    denoiser.load_state_dict(field.state_dict())
    t, z = torch.tensor(0.3), torch.randn(2, 256)
    c = F.one_hot(torch.tensor([0, 2]), 3).float()
    assert torch.equal(
        field(t, z, c), denoiser.velocity(t.expand(2), z.view(2, 4, 8, 8), c).flatten(1)
    )
    assert torch.equal(denoiser.condition(torch.tensor([0, 2])), c)
    assert float(denoiser.unconditional(2).abs().sum()) == 0


def test_a_field_for_other_classes_begins_with_the_known_ones():
    known, new = LatentField(**SHAPE), LatentField(**SHAPE | {"classes": 2})
    assert isinstance(new, Field)
    new.start_as(known, [2, None])
    t, z = torch.tensor(0.5), torch.randn(3, new.dimensions)
    there = torch.tensor([[1.0, 0.0]]).expand(3, 2)
    third = torch.tensor([[0.0, 0.0, 1.0]]).expand(3, 3)
    assert torch.allclose(new(t, z, there), known(t, z, third), atol=1e-6)
    every = torch.full((3, 3), 1 / 3)
    assert torch.allclose(new(t, z, 1 - there), known(t, z, every), atol=1e-5)
