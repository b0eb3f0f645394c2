"""Names of models that no bundle brings: read, written, and refused in a sentence."""

import json

import pytest

from backends.errors import BadInput
from backends.targets.reference import Options, Reference, is_reference, parse

READ = {
    "hf:google/vit-base": Reference("hf", "google/vit-base"),
    "timm:resnet18.a1_in1k": Reference("timm", "resnet18.a1_in1k"),
    "timm:resnet18@own.safetensors": Reference("timm", "resnet18", "own.safetensors"),
    "torchvision:vgg16@a/b.pth?size=64": Reference(
        "torchvision", "vgg16", "a/b.pth", options=Options(size=64)
    ),
    "clip:openai/clip?classes=cat,dog&prompts=a cat|a dog, barking": Reference(
        "clip",
        "openai/clip",
        options=Options(classes=("cat", "dog"), prompts=("a cat", "a dog, barking")),
    ),
    "some/net.pt2?mean=0.1&std=0.3&channels=1": Reference(
        "export", "some/net.pt2", options=Options(mean=(0.1,), std=(0.3,), channels=1)
    ),
    "net.pt": Reference("script", "net.pt"),
    "net.ONNX": Reference("onnx", "net.ONNX"),
    "my files/own.py:models.net": Reference("code", "my files/own.py", attribute="models.net"),
    "C:\\files\\own.py:net": Reference("code", "C:\\files\\own.py", attribute="net"),
}


@pytest.mark.parametrize("text", READ)
def test_a_reference_is_read_and_written(text):
    assert is_reference(text)
    found = parse(text)
    assert found == READ[text]
    assert parse(str(found)) == found


@pytest.mark.parametrize("text", ["classifier", "my model", "hf:", "own.py", "a:b", ""])
def test_other_names_are_no_references(text):
    assert not is_reference(text)
    with pytest.raises(BadInput, match="names no model; write hf:"):
        parse(text)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("sise=3", "no option 'sise'; choose from: classes"),
        ("size=big", "size of a model: Input should be a valid integer"),
        ("size=0", "size of a model: Input should be greater"),
        ("channels=2", "channels of a model: Input should be 1 or 3"),
        ("std=0", "std of a model: Value error, must be greater than 0"),
        ("mean=a", "mean of a model: Input should be a valid number"),
        ("classes=a,a", "distinct"),
        ("classes=a,", "not empty"),
        ("classes=none.txt", "cannot be read"),
    ],
)
def test_wrong_options_are_sentences(query, reason):
    with pytest.raises(BadInput, match=reason):
        parse(f"net.pt2?{query}")


def test_weights_are_for_architectures():
    with pytest.raises(BadInput, match="give hf: a folder"):
        parse("hf:a/b@file.safetensors")


def test_class_names_come_from_a_file(tmp_path):
    lines, listed, wrong = (tmp_path / name for name in ("a.txt", "a.json", "b.json"))
    lines.write_text("tabby, cat\n\ndog\n")
    listed.write_text(json.dumps(["tabby, cat", "dog"]))
    wrong.write_text('{"a": 1}')
    for path in (lines, listed):
        assert parse(f"net.pt2?classes={path}").options.classes == ("tabby, cat", "dog")
    with pytest.raises(BadInput, match="no list of names"):
        parse(f"net.pt2?classes={wrong}")
