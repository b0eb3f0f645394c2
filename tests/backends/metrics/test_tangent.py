"""The tangent spectrum is that of the Jacobian."""

import torch

from backends.metrics.tangent import tangent_spectrum


def test_linear_decoder_has_its_matrixs_singular_values():
    matrix = torch.randn(3, 100, generator=torch.Generator().manual_seed(0))
    found = tangent_spectrum(lambda z: (z @ matrix).view(-1, 1, 10, 10), torch.zeros(1, 3))
    assert torch.allclose(found, torch.linalg.svdvals(matrix), atol=1e-4)


def test_curved_decoder_depends_on_the_place():
    def decode(z):
        return torch.cat([z.square(), z], 1).view(-1, 1, 2, 2)

    at_zero, further = (tangent_spectrum(decode, torch.full((1, 2), v)) for v in (0.0, 2.0))
    assert torch.allclose(at_zero, torch.ones(2))
    assert torch.allclose(further, torch.full((2,), 17.0).sqrt(), atol=1e-5)
