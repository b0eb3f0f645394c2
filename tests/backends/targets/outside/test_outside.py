"""Anybody's classifier: the logits are those of the network itself, and mistakes are sentences."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from backends.errors import BadInput, MissingPart, NotFound, StudioError
from backends.targets import outside
from backends.targets.outside import files
from backends.targets.outside.network import Outside, of_object
from backends.targets.reference import Options, parse
from backends.targets.trust import trusted


def network(channels=1, classes=3):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(16, classes),
    ).eval()  # fmt: skip


def load(text, size=16, channels=1, classes=("a", "b", "c")):
    return outside.load(parse(str(text)), size=size, channels=channels, classes=classes)


@pytest.fixture
def x():
    return torch.rand(5, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def gradient(f, x):
    x = x.clone().requires_grad_()
    f(x)[:, 0].sum().backward()
    return x.grad


@pytest.fixture
def written(tmp_path):
    """The same network as a file of each kind."""
    net, picture = network(), torch.zeros(1, 1, 16, 16)
    torch.export.save(torch.export.export(net, (picture,)), tmp_path / "one.pt2")
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(net, (torch.zeros(2, 1, 16, 16),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "many.pt2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch no longer likes TorchScript; people have it
        torch.jit.trace(net, picture).save(tmp_path / "net.pt")
    (tmp_path / "own.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        f"state = torch.load({str(tmp_path / 'state.pth')!r})\n"
        "def make():\n"
        "    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2),\n"
        "                        nn.Flatten(), nn.Linear(16, 3))\n"
        "    net.load_state_dict(state)\n"
        "    return net\n"
        "made = make()\n"
        "def labels(x):\n"
        "    return ['c' if one.mean() > 0.5 else 'a' for one in x]\n"
        "def broken(x=None):\n"
        "    raise RuntimeError('broken')\n"
        "number = 3\n"
    )
    torch.save(net.state_dict(), tmp_path / "state.pth")
    return tmp_path


@pytest.mark.parametrize("name", ["one.pt2", "many.pt2", "net.pt", "own.py:make", "own.py:made"])
def test_a_file_gives_the_networks_logits_and_gradients(written, name, x):
    with trusted():
        f = load(written / name)
    assert (f.labels, f.differentiable) == (["0", "1", "2"], True)
    assert torch.allclose(f(x), network()(x), atol=1e-6)
    assert torch.allclose(gradient(f, x), gradient(network(), x), atol=1e-6)


@pytest.mark.parametrize("rebuilt", [True, False])
def test_an_onnx_file_has_gradients_where_it_can_be_rebuilt(tmp_path, monkeypatch, x, rebuilt):
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network(), (torch.zeros(1, 1, 16, 16),), path, dynamo=False)
    if not rebuilt:
        monkeypatch.setattr(files, "_converted", lambda path: None)
    f = load(path, size=32, channels=3)
    assert (f.differentiable, f.intake.resized, f.intake.channels) == (rebuilt, (16, 16), 1)
    assert torch.allclose(f(x), network()(x), atol=1e-6)
    if rebuilt:
        assert torch.allclose(gradient(f, x), gradient(network(), x), atol=1e-6)


def test_pictures_of_another_size_and_colour_are_adapted(written):
    f = load(f"{written / 'one.pt2'}?classes=bundle", size=32, channels=3)
    colour = torch.rand(2, 3, 32, 32)
    assert (f(colour).shape, f.labels) == ((2, 3), ["a", "b", "c"])
    grey = (colour * torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
    half = F.interpolate(grey, (16, 16), mode="bilinear", antialias=True)
    assert torch.allclose(f(colour), network()(half), atol=1e-3)


def test_normalisation_is_what_the_person_says(x):
    f = of_object(network(), Options(mean=(0.5,), std=(0.25,)))
    assert torch.allclose(f(x), network()((x - 0.5) / 0.25), atol=1e-6)


def test_code_runs_only_where_it_is_trusted(written):
    with pytest.raises(BadInput, match="would run code"):
        load(f"{written / 'own.py'}:make")


def test_a_function_gives_labels(written, x):
    with trusted():
        f = load(f"{written / 'own.py'}:labels?classes=bundle")
    assert not f.differentiable
    said = f(x).softmax(1)
    wanted = torch.where(x.mean((1, 2, 3)) > 0.5, 2, 0)
    assert torch.equal(said.argmax(1), wanted)
    assert float(said.amax(1).min()) > 0.999


def test_a_forest_gives_its_own_probabilities(x):
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(0)
    pixels, labels = rng.random((60, 256)), rng.choice(["owl", "cat"], 60)
    forest = RandomForestClassifier(10, random_state=0).fit(pixels, labels)
    f = of_object(forest, Options(), size=16, channels=1)
    assert (f.labels, f.differentiable) == (["cat", "owl"], False)
    flat = x.movedim(1, -1).reshape(5, -1).numpy()
    assert np.allclose(f(x).softmax(1).numpy(), forest.predict_proba(flat), atol=1e-5)


def test_one_logit_is_that_of_the_second_class(x):
    f = of_object(network(classes=1), Options(classes=("no", "yes")))
    assert torch.allclose(f(x).softmax(1)[:, 1], network(classes=1)(x).sigmoid()[:, 0], atol=1e-6)


def test_mistakes_are_sentences(written, tmp_path):
    (tmp_path / "bad.pt2").write_bytes(b"no program")
    (tmp_path / "bad.pt").write_bytes(b"no module")
    (tmp_path / "bad.py").write_text("import nothing_of_the_kind\n")
    cases = [
        ("none.pt2", NotFound, "no file"), ("bad.pt2", BadInput, "no program of torch.export"),
        ("bad.pt", BadInput, "no TorchScript module"), ("bad.py:net", BadInput, "cannot be run"),
        ("own.py:none", NotFound, "has no 'none'"), ("own.py:broken", BadInput, "failed"),
        ("own.py:number", BadInput, "is no model"),
        ("one.pt2?classes=a,b", BadInput, "tells 3 classes apart, and 2 are named"),
        ("one.pt2?channels=3", BadInput, "cannot look at a picture of 3x16x16"),
        ("own.py:labels", BadInput, "say them with classes"),
    ]  # fmt: skip
    with trusted():
        for text, kind, reason in cases:
            with pytest.raises(kind, match=reason):
                load(written / text)


def test_what_is_no_classifier_is_named():
    with pytest.raises(BadInput, match=r"gives shape \(2, 4, 14, 14\)"):
        Outside(nn.Conv2d(1, 4, 3), of_object(network(), Options()).intake, size=16)


def test_weights_of_a_grey_network_are_taken_as_they_are(tmp_path):
    import timm
    from safetensors.torch import save_file

    net = timm.create_model("resnet18", in_chans=1, num_classes=2).eval()
    save_file(net.state_dict(), tmp_path / "grey.safetensors")
    (tmp_path / "names.txt").write_text("night\nday\n")
    query = f"classes={tmp_path / 'names.txt'}&size=32&mean=0&std=1"
    found = load(f"timm:resnet18@{tmp_path / 'grey.safetensors'}?{query}", size=32)
    assert found.labels == ["night", "day"]
    x = torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(found(x), net(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_own_weights_of_a_librarys_architecture(tmp_path, library, suffix):
    from safetensors.torch import save_file
    from torchvision import models

    torch.manual_seed(0)
    if library == "torchvision":
        net = models.resnet18(num_classes=5)
    else:
        import timm

        net = timm.create_model("resnet18", num_classes=5)
    path = tmp_path / f"weights.{suffix}"
    if suffix == "pth":
        state = {f"module.{k}": v for k, v in net.state_dict().items()}
        torch.save({"epoch": 3, "state_dict": state}, path)
    else:
        save_file(net.state_dict(), path)
    f = load(f"{library}:resnet18@{path}?size=32&mean=0&std=1", size=32, channels=3)
    x = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(f(x), net.eval()(x), atol=1e-5)
    assert len(f.labels) == 5


def test_published_preparation_is_torchvisions(tmp_path):
    from torchvision import models

    net = models.resnet18()
    torch.save(net.state_dict(), tmp_path / "w.pth")
    f = load(f"torchvision:resnet18@{tmp_path / 'w.pth'}", size=96, channels=3)
    assert f.labels[0] == "tench"
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8))
    theirs = models.ResNet18_Weights.IMAGENET1K_V1.transforms()(picture)[None]
    ours = f.intake(torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None] / 255)
    assert float((ours - theirs).abs().max()) < 0.05  # theirs rounds to 8 bits on the way


def test_a_pickle_is_refused(tmp_path):
    torch.save(network(), tmp_path / "net.pth")
    with pytest.raises(BadInput, match="more than tensors"):
        load(f"torchvision:resnet18@{tmp_path / 'net.pth'}")


def test_weights_of_another_architecture_are_refused(tmp_path):
    torch.save(network().state_dict(), tmp_path / "net.pth")
    with pytest.raises(MissingPart, match="do not fit torchvision:resnet18@"):
        load(f"torchvision:resnet18@{tmp_path / 'net.pth'}")


def test_published_weights_are_not_fetched(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    for text, reason in (
        ("torchvision:resnet18", "get them with: python -c"),
        ("timm:resnet18", "get them with: hf download timm/resnet18"),
        ("hf:nobody/nothing", "get it with: hf download nobody/nothing"),
        ("torchvision:resnet81", "did you mean resnet18"),
        ("timm:resnet1818", "did you mean resnet18"),
    ):
        with pytest.raises(StudioError, match=reason):
            load(text)
