"""The tangent spectrum: how far a step in each direction of z moves the picture.

Dombrowski et al., Diffeomorphic Counterfactuals, section 4.1, equation 23 and figure 7: the
singular values of dg/dz. Few large ones mean that ascent in z moves along few directions, those
of the data.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["tangent_spectrum"]

CHUNK = 64


def tangent_spectrum(decode: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Singular values of the Jacobian of one picture's decoding, greatest first.

    :param decode: rows of z -> pictures, row by row.
    :param z: of one picture, [1, ...].
    :returns: [min(size of z, size of the picture)], in pixel units for each unit of z.
    """
    with torch.no_grad():
        pixels = decode(z).numel()
    rows = []
    for index in torch.arange(pixels, device=z.device).split(CHUNK):
        # Row i of the batch gives the gradient of pixel i: decoding does not mix rows.
        with torch.enable_grad():
            copies = z.detach().expand(len(index), *z.shape[1:]).clone().requires_grad_()
            chosen = decode(copies).flatten(1).gather(1, index[:, None]).sum()
        rows.append(torch.autograd.grad(chosen, copies)[0].flatten(1))
    jacobian = torch.cat(rows).cpu()  # not every device knows singular values
    return torch.linalg.svdvals(jacobian)[: min(jacobian.shape)]
