import os
import pickle

import pytest
import torch
from torch import nn

from backends.conversion.modules import (
    RESNET,
    VGG,
    convert_cifar_resnet,
    convert_cifar_vgg,
    tensors_of,
)
from backends.errors import MissingPart
from backends.registry import architecture


def publish(network, path):
    """As the package does: the module itself, pickled."""
    torch.save(network, path)


def random_norms(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


def test_folded_vgg_says_what_the_published_one_says(tmp_path):
    layers, inner = [], 3
    for stage in ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3):
        for place, outer in enumerate(stage):
            layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.ReLU()]
            layers += [nn.Dropout(0.4)] if place < len(stage) - 1 else [nn.MaxPool2d(2)]
            inner = outer
    head = nn.Sequential(
        nn.Dropout(), nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Dropout(),
        nn.Linear(512, 10),
    )  # fmt: skip
    theirs = nn.Sequential()
    theirs.add_module("features", nn.Sequential(*layers))
    theirs.add_module("classifier", head)
    random_norms(theirs)
    publish(theirs, tmp_path / VGG)
    ours = architecture("cifar_vgg")()
    ours.load_state_dict(convert_cifar_vgg({VGG: tmp_path / VGG}))
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        expected = theirs.classifier(theirs.features(x).flatten(1))
        error = (ours.eval()(x) - expected).abs().max()
    assert float(error) < 1e-3 * float(expected.std())


class Evil:
    def __reduce__(self):
        return os.system, ("echo broken > broken",)


def test_code_in_a_pickle_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(Evil(), tmp_path / VGG)
    with pytest.raises(MissingPart, match="is not the network"):
        convert_cifar_vgg({VGG: tmp_path / VGG})
    assert not (tmp_path / "broken").exists()
    with pytest.raises(pickle.UnpicklingError):
        tensors_of(tmp_path / VGG)


def test_another_network_is_one_sentence(tmp_path):
    publish(nn.Sequential(nn.Linear(2, 2)), tmp_path / VGG)
    with pytest.raises(MissingPart, match="is not the network"):
        convert_cifar_vgg({VGG: tmp_path / VGG})
    with pytest.raises(MissingPart, match=RESNET):
        convert_cifar_resnet({})
