"""Training: resumable to the bit, masks as asked, data as MNIST has it."""

import dataclasses
import gzip
import itertools
import struct

import numpy as np
import pytest
import torch
from torch import nn

from backends.errors import BadInput, MissingPart, NotFound
from backends.priors.bridge import BridgeSchedule
from backends.training import losses, recipe
from backends.training.data import Split, affine_jitter, load_mnist
from backends.training.digits import DIGITS
from backends.training.fit import FitPlan, fit
from backends.training.masks import random_masks


def regression():
    torch.manual_seed(0)
    data = torch.randn(200, 4)
    module = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 1))

    def loss(network, indices, generator):
        noise = 0.1 * torch.randn(len(indices), 1, generator=generator)
        return (network(data[indices]) - data[indices, :1] - noise).square().mean()

    return module, loss


PLAN = FitPlan(
    steps=60, batch=16, learning_rate=1e-2, checkpoint_every=20, average=0.9, mixed=False
)


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path):
    straight, loss = regression()
    list(fit(straight, loss, 200, PLAN))
    torn, loss = regression()
    calls = itertools.count()

    def failing(network, indices, generator):
        if next(calls) == 47:
            raise KeyboardInterrupt
        return loss(network, indices, generator)

    with pytest.raises(KeyboardInterrupt):
        list(fit(torn, failing, 200, PLAN, tmp_path / "checkpoint.safetensors"))
    resumed, loss = regression()
    progress = list(fit(resumed, loss, 200, PLAN, tmp_path / "checkpoint.safetensors"))
    assert progress[-1].step == 60
    for a, b in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_checkpoints_that_do_not_fit_are_refused(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    module, loss = regression()
    list(fit(module, loss, 200, PLAN, path))
    with pytest.raises(BadInput, match="another recipe"):
        list(fit(module, loss, 200, dataclasses.replace(PLAN, batch=8), path))
    path.write_bytes(b"damaged")
    with pytest.raises(BadInput, match="damaged"):
        list(fit(module, loss, 200, PLAN, path))


def test_training_lowers_the_loss_and_ends_in_eval_mode():
    module, loss = regression()
    before = loss(module.eval(), torch.arange(200), torch.Generator().manual_seed(0))
    list(fit(module, loss, 200, PLAN))
    assert not module.training
    assert loss(module, torch.arange(200), torch.Generator().manual_seed(0)) < before


@pytest.mark.slow
def test_masks_cover_what_was_asked():
    masks = random_masks(4000, 32, torch.Generator().manual_seed(0))
    assert masks.shape == (4000, 1, 32, 32)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    area = masks.mean((1, 2, 3))
    assert area.min() > 0.03
    assert 0.2 < (area == 1).float().mean() < 0.3, "a quarter are whole pictures"
    partial = area[area < 1]
    assert partial.min() < 0.1
    assert ((partial > 0.25) & (partial < 0.75)).float().mean() > 0.3


def test_bridge_loss_is_least_for_the_true_residual():
    pictures = torch.randint(0, 256, (8, 1, 32, 32), dtype=torch.uint8)
    data = Split(pictures, torch.zeros(8, dtype=torch.long))
    schedule = BridgeSchedule()
    x0 = 2 * pictures.float() / 255 - 1

    class Truth(nn.Module):
        def forward(self, xt, level):
            k = ((level / 1000 - 1e-4) / (1 - 1e-4) * 999).round().long()
            sigma = torch.tensor(schedule.sigma, dtype=torch.float32)[k].view(-1, 1, 1, 1)
            return (xt - x0) / sigma

    loss = losses.bridge_loss(data, schedule)
    assert loss(Truth(), torch.arange(8), torch.Generator().manual_seed(0)) < 1e-6


def write_idx(path, array, zipped):
    head = struct.pack(f">HBB{array.ndim}i", 0, 8, array.ndim, *array.shape)
    (gzip.open if zipped else open)(path, "wb").write(head + array.tobytes())


@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_from_a_folder(tmp_path, zipped):
    images = np.arange(3 * 28 * 28, dtype=np.int64).reshape(3, 28, 28).astype(np.uint8)
    end = ".gz" if zipped else ""
    write_idx(tmp_path / f"train-images-idx3-ubyte{end}", images, zipped)
    write_idx(tmp_path / f"train-labels-idx1-ubyte{end}", np.array([3, 1, 4], np.uint8), zipped)
    split = load_mnist(str(tmp_path), "train")
    assert split.labels.tolist() == [3, 1, 4]
    assert torch.equal(split.pictures[:, 0, 2:30, 2:30], torch.from_numpy(images))
    x, y = split.batch(torch.tensor([2]))
    assert x.shape == (1, 1, 32, 32)
    assert x.max() <= 1
    assert y.tolist() == [4]


def test_data_that_is_not_there(tmp_path):
    with pytest.raises(NotFound, match="idx"):
        load_mnist(str(tmp_path), "train")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"hello")
    with pytest.raises(BadInput, match="fetch MNIST again"):
        load_mnist(str(tmp_path), "train")


def test_jitter_keeps_shape_and_range():
    x = torch.rand(5, 1, 32, 32)
    jittered = affine_jitter(x, torch.Generator().manual_seed(0))
    assert jittered.shape == x.shape
    assert jittered.min() >= 0
    assert jittered.max() <= 1 + 1e-6
    assert not torch.equal(jittered, x)


def test_a_part_that_learns_from_others_says_which(tmp_path):
    for split in ("train", "t10k"):
        write_idx(tmp_path / f"{split}-images-idx3-ubyte", np.zeros((1, 28, 28), np.uint8), False)
        write_idx(tmp_path / f"{split}-labels-idx1-ubyte", np.zeros(1, np.uint8), False)
    with pytest.raises(MissingPart, match="classifier and autoencoder"):
        next(recipe.train(DIGITS, str(tmp_path), tmp_path / "out", ["velocity"], "cpu", "train"))


def test_unknown_part_is_one_sentence(tmp_path):
    with pytest.raises(BadInput, match="classifier"):
        next(recipe.train(DIGITS, "mnist", tmp_path, ["magic"], "cpu", "train"))
