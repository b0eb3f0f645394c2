import json

import numpy as np
import pytest
import torch
from PIL import Image

from backends import bundles
from backends.bundles import Bundle
from backends.errors import BadInput
from backends.targets.named import target_model
from backends.training.new import Made, NewConfig, new
from backends.training.preparing import preview_sheet
from backends.training.stored import load
from tests.backends.training.own_pictures import write_tree

SMALL = NewConfig(size=32)


def made(name, source, config=SMALL, model=""):
    *_, last = new(name, source, config, model)
    assert isinstance(last, Made)
    return last


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_BUNDLES", str(tmp_path / "bundles"))
    return write_tree(tmp_path / "pictures")


def test_a_bundle_is_made_split_and_found_by_its_name(tree):
    (tree / "dark" / "broken.png").write_bytes(b"no picture")
    result = made("squares", tree)
    assert result.channels == 1
    assert result.judged == {"bright": 1, "dark": 1}
    assert result.learnt == {"bright": 11, "dark": 11}
    assert len(result.left_out) == 1
    assert "broken.png" in result.left_out[0]
    bundle = bundles.find("squares")
    assert "squares" in bundles.installed()
    assert bundle.own.class_names == ["bright", "dark"]
    data, test = load(str(bundle.folder), torch.device("cpu"))
    assert data.pictures.shape == (22, 1, 32, 32)
    means = data.pictures.float().mean((1, 2, 3))
    assert bool((means[data.labels == 0] > means[data.labels == 1].max()).all())
    for example in bundle.own.examples:
        x = np.asarray(Image.open(bundle.folder / example.file))
        assert (x == test.pictures[example.index, 0].numpy()).all()
        assert bundle.own.class_names[test.labels[example.index]] == example.label


def test_the_same_picture_is_never_in_both_splits(tree):
    for number in range(12):
        (tree / "dark" / f"copy{number}.png").write_bytes(
            (tree / "dark" / f"{number}.png").read_bytes()
        )
    result = made("copies", tree)
    assert sum(result.learnt.values()) + sum(result.judged.values()) == 24
    assert "12 pictures are the same as an earlier one" in result.left_out


def test_colour_is_found(tree):
    Image.new("RGB", (30, 30), (200, 20, 20)).save(tree / "dark" / "red.png")
    assert made("coloured", tree).channels == 3
    assert made("greyed", tree, NewConfig(size=32, colours="grey")).channels == 1


@pytest.mark.parametrize(
    ("preparation", "corner"), [("square", 255), ("fit", 255), ("letterbox", 0)]
)
def test_a_preparation_keeps_the_middle_the_whole_or_adds_bars(tmp_path, preparation, corner):
    Image.new("L", (64, 32), 255).save(tmp_path / "wide.png")
    config = NewConfig(size=32, preparation=preparation)
    sheet = np.asarray(preview_sheet(tmp_path, config).convert("L"))
    assert sheet[2, 142] == corner
    assert sheet[64, 204] == 255


def test_a_model_of_ones_own_is_the_classifier_and_names_the_classes(tree, tmp_path):
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(32 * 32, 2))
    with torch.no_grad():  # says dark of what is dark
        net[1].weight[0].fill_(-1.0)
        net[1].weight[1].fill_(1.0)
        net[1].bias.copy_(torch.tensor([512.0, -512.0]))
    path = tmp_path / "net.pt2"
    batch = torch.export.Dim("batch", min=1)
    torch.export.save(
        torch.export.export(net, (torch.rand(2, 1, 32, 32),), dynamic_shapes=({0: batch},)), path
    )
    made("modelled", tree, model=f"{path}?classes=Dark,Bright&channels=1")
    path.unlink()
    bundle = bundles.find("modelled")
    assert bundle.own.class_names == ["Dark", "Bright"]
    assert bundle.problem("classifier") is None
    data, _ = load(str(bundle.folder), torch.device("cpu"))
    with torch.no_grad():
        said = target_model(bundle).probabilities(data.pictures.float() / 255).argmax(1)
    assert bool((said == data.labels).all()), "the pictures' labels in the model's order"
    assert "classifier" not in json.loads((bundle.folder / "bundle.json").read_text())["recipe"]


def test_a_damaged_model_file_is_told(tree, tmp_path):
    test_a_model_of_ones_own_is_the_classifier_and_names_the_classes(tree, tmp_path)
    bundle = bundles.find("modelled")
    bundle.path("classifier").write_bytes(b"other")
    assert "is damaged" in str(Bundle(bundle.folder).problem("classifier"))


@pytest.mark.parametrize("name", ["", "a/b", "..", "x" * 41, "digits"])
def test_names_that_cannot_be_are_one_sentence(tree, name):
    with pytest.raises(BadInput, match=r"cannot be the name|there is a bundle"):
        made(name, tree)


def test_what_cannot_be_made_leaves_nothing(tree, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    (tree / "dark" / "0.png").rename(flat / "0.png")
    with pytest.raises(BadInput, match="1 of 1 pictures have no label"):
        made("flat", flat)
    with pytest.raises(BadInput, match="at least two classes"):
        made("one", write_one(tmp_path / "one"))
    assert not (tmp_path / "bundles" / "flat").exists()


def write_one(folder):
    write_tree(folder, 3)
    for path in (folder / "dark").iterdir():
        path.unlink()
    return folder


def test_a_shipped_bundles_name_is_free_in_another_folder(tree, tmp_path):
    with pytest.raises(BadInput, match="already"):
        made("objects", tree)
    *_, last = new("objects", tree, SMALL, out=tmp_path / "work")
    assert isinstance(last, Made)
    with pytest.raises(BadInput, match="already"):
        list(new("objects", tree, SMALL, out=tmp_path / "work"))
