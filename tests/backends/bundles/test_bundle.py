"""Bundles: damage and absence disable a part and say so; nothing half-written."""

import json
import shutil

import pytest
import torch

from backends import bundles, registry, service
from backends.errors import BadInput, MissingPart, NotFound
from tests.conftest import write_tiny


@pytest.fixture
def copy(tiny, tmp_path):
    return shutil.copytree(tiny, tmp_path / "copy")


def test_a_folder_without_manifest_names_what_there_is(tmp_path):
    with pytest.raises(NotFound, match=r"bundle\.json.*digits"):
        bundles.find(str(tmp_path / "nothing"))


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "x"}'])
def test_a_broken_manifest_is_one_sentence(copy, content):
    (copy / "bundle.json").write_text(content)
    with pytest.raises(BadInput, match="cannot be read"):
        bundles.find(str(copy))


def test_a_damaged_part_disables_only_its_methods(copy):
    path = copy / "bridge.safetensors"
    path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    bundle = bundles.find(str(copy))
    with pytest.raises(MissingPart, match="damaged"):
        bundle.part("bridge")
    methods = service.about(str(copy))["methods"]
    assert "damaged" in methods["rcsb"]["problem"]
    assert methods["leapfactual"]["problem"] is None
    bundle.part("velocity")


def test_a_missing_part_says_which_command_trains_it(tmp_path):
    folder = write_tiny(tmp_path / "without", without=("velocity",))
    assert "studio train" in service.about(str(folder))["methods"]["leapfactual"]["problem"]
    assert "--parts velocity" in bundles.find(str(folder)).problem("velocity")


def test_weights_of_another_architecture_are_refused(copy):
    stored = json.loads((copy / "bundle.json").read_text())
    stored["parts"]["velocity"]["arguments"]["width"] = 8
    (copy / "bundle.json").write_text(json.dumps(stored))
    with pytest.raises(MissingPart, match="does not fit"):
        bundles.find(str(copy)).part("velocity")


@pytest.mark.parametrize("name", ["x" * 300, "é" * 125, "a\0b", "/".join(["folder"] * 400)])
def test_what_no_file_is_called_is_refused_in_one_sentence(copy, name):
    known = json.loads((copy / "bundle.json").read_text())
    part = known["parts"]["velocity"]
    for other in (
        {"name": name},
        {"parts": known["parts"] | {"velocity": part | {"file": name}}},
        {"parts": known["parts"] | {name: part}},
        {"examples": [{"file": name, "label": "0", "index": 0}]},
    ):
        (copy / "bundle.json").write_text(json.dumps(known | other))
        with pytest.raises(BadInput, match="no file"):
            bundles.find(str(copy))


def test_parts_come_frozen_and_in_eval_mode(tiny):
    for name in ("classifier", "bridge", "autoencoder"):
        part = bundles.find(tiny).part(name)
        assert not part.training
        assert not any(p.requires_grad for p in part.parameters())


def test_writing_a_part_keeps_the_others(copy):
    before = bundles.find(str(copy)).manifest.parts
    entry = before["velocity"]
    torch.manual_seed(5)
    network = registry.architecture(entry.architecture)(**entry.arguments)
    bundles.write_part(copy, bundles.find(str(copy)).manifest, "velocity", network, entry)
    after = bundles.find(str(copy)).manifest.parts
    assert after["velocity"].sha256 != before["velocity"].sha256
    assert {k: v for k, v in after.items() if k != "velocity"} == {
        k: v for k, v in before.items() if k != "velocity"
    }
    assert bundles.find(str(copy)).problem("velocity") is None


def test_unknown_names_list_the_known():
    with pytest.raises(NotFound, match="leapfactual"):
        registry.method("magic")
