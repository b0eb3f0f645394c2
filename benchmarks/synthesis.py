"""What a face costs at each size, forward and with its gradient, and how near the previews are."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from backends import bundles
from backends.priors.stylegan.network import MobileStyleGAN
from backends.training.previews import agreement, calibrate

FITTED, HELD_OUT = 16, 24


def main() -> None:
    """Print seconds a face by size, batch and threads, with the agreement in dB; or fit it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="faces")
    parser.add_argument("--part", default="generator")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--fit", type=Path, help="fit the previews and write their responses here")
    options = parser.parse_args()
    network = bundles.find(options.bundle).part(options.part)
    fitted, held_out = _faces(network)
    if options.fit:
        for done in calibrate(network, fitted):
            print(done, flush=True)
        found = {k: v for k, v in network.state_dict().items() if k.startswith("responses.")}
        save_file({k: v.contiguous() for k, v in found.items()}, options.fit)
    near = agreement(network, held_out)
    print("| pixels | PSNR dB | threads | batch | forward s | forward and backward s |")
    print("|---|---|---|---|---|---|")
    for size in sorted([network.size, *map(int, network.responses)], reverse=True):
        for threads in options.threads:
            torch.set_num_threads(threads)
            for batch in options.batches:
                w = held_out[:1].repeat(batch, 1)
                forward = _seconds(partial(network.preview, w, size)) / batch
                both = _seconds(partial(_gradient, network, w, size)) / batch
                psnr = f"{near[f'psnr_{size}']:.1f}" if f"psnr_{size}" in near else "exact"
                print(
                    f"| {size} | {psnr} | {threads} | {batch} | {forward:.3f} | {both:.3f} |",
                    flush=True,
                )


def _faces(network: MobileStyleGAN) -> tuple[Tensor, Tensor]:
    """w to fit to and w to judge by, from the usual to the unusual."""
    generator = torch.Generator().manual_seed(0)
    w = network.sample_w(FITTED + HELD_OUT, generator, truncation=1.0)
    truncation = 0.5 + torch.rand(len(w), 1, generator=generator) / 2
    w = network.mean_w + truncation * (w - network.mean_w)
    return w[:FITTED], w[FITTED:]


def _gradient(network: MobileStyleGAN, w: Tensor, size: int) -> None:
    with torch.enable_grad():
        w = w.clone().requires_grad_()
        torch.autograd.grad(network.preview(w, size).sum(), w)


@torch.no_grad()
def _seconds(work: Callable[[], object]) -> float:
    """The best of three, after one to warm up."""
    work()
    found = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return min(found)


if __name__ == "__main__":
    main()
