"""NaN and infinity in networks: what needs them is refused in a sentence, a judge that fails is
told in the answer."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from backends import bundles, registry, service
from backends.compute.finite import unusable_weight
from backends.core import Answer
from backends.errors import StudioError
from backends.fetching.cache import checksum

METHODS = sorted(registry.METHODS)


@pytest.fixture
def damaged(tiny, tmp_path):
    """A copy of the tiny bundle where one part's file holds a value that is no number; its
    checksum is right."""

    def make(name: str, value: float = float("nan")) -> str:
        folder = tmp_path / f"without-{name}"
        shutil.copytree(tiny, folder)
        found = bundles.Bundle(folder)
        part = found.manifest.parts[name]
        path = folder / part.file
        weights = load_file(path)
        first = next(k for k, v in weights.items() if v.is_floating_point() and v.ndim)
        weights[first].view(-1)[0] = value
        save_file(weights, path)
        entry = part.model_copy(update={"sha256": checksum(path)})
        changed = found.manifest.model_copy(update={"parts": found.manifest.parts | {name: entry}})
        bundles.write_manifest(folder, changed)
        return str(folder)

    return make


def answered(request) -> Answer:
    *_, answer = service.explain(request)
    return answer


def silent(network):
    """A network of which every output is NaN."""

    def hook(_, __, output):
        return output * float("nan") if isinstance(output, torch.Tensor) else output

    return network.register_forward_hook(hook)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_model_without_numbers_is_refused(damaged, ask, value):
    with pytest.raises(StudioError, match=r"classifier.*no numbers"):
        answered(ask("place", bundle=damaged("classifier", value)))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_part_that_a_method_needs_must_have_numbers(damaged, ask, method):
    for kind in registry.method(method).needs:
        with pytest.raises(StudioError, match=rf"{kind}\..*no numbers"):
            answered(ask(method, bundle=damaged(kind)))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_prior_that_gives_no_numbers_is_refused(tiny, ask, method):
    found, kinds = bundles.get(tiny), registry.method(method).needs
    if not kinds:
        pytest.skip("needs no part")
    hooks = [silent(module) for k in kinds for module in found.part(k).modules()]
    try:
        with pytest.raises(StudioError, match=r"no numbers|errs by inf"):
            answered(ask(method))
    finally:
        for hook in hooks:
            hook.remove()


@pytest.mark.parametrize("name", ["oracle", "density"])
def test_a_damaged_judge_is_told(damaged, ask, name):
    record = answered(ask("leapfactual", bundle=damaged(name))).record
    assert "no numbers" in record["unjudged"][name]
    assert any(name in risk["sentence"] for risk in record["warnings"])
    json.dumps(record, allow_nan=False)
    assert (record["oracle"] is None) == (name == "oracle")


def test_a_missing_judge_is_told(tiny, ask, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(tiny, folder)
    (folder / "oracle.safetensors").unlink()
    record = answered(ask("leapfactual", bundle=str(folder))).record
    assert "is missing" in record["unjudged"]["oracle"]


@pytest.mark.parametrize("name", ["oracle", "density"])
def test_a_judge_that_gives_no_numbers_is_told(tiny, ask, name, monkeypatch):
    part = bundles.get(tiny).part(name)
    hooks = [silent(module) for module in part.modules()]
    try:
        record = answered(ask("leapfactual")).record
    finally:
        for hook in hooks:
            hook.remove()
    assert record["unjudged"], record
    json.dumps(record, allow_nan=False)


def test_a_whole_bundle_tells_nothing(ask):
    record = answered(ask("leapfactual")).record
    assert "unjudged" not in record
    assert not [risk for risk in record["warnings"] if risk["name"] == "unjudged"]


def test_a_model_that_gives_no_numbers_is_refused_where_it_is_asked(tiny, ask, picture):
    request = ask("leapfactual")
    hook = silent(bundles.get(tiny).part("classifier"))
    try:
        with pytest.raises(StudioError, match="no numbers"):
            service.predict(tiny, picture)
        with pytest.raises(StudioError, match="no numbers"):
            answered(request)
    finally:
        hook.remove()


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def one_bit(content: bytes) -> bytes:
    place = len(content) - 9
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, one_bit, lambda content: b""])
@pytest.mark.parametrize("name", ["classifier", "velocity", "autoencoder"])
def test_damaged_files_are_refused(tiny, ask, tmp_path, damage, name):
    request = ask("leapfactual")
    folder = tmp_path / "bundle"
    shutil.copytree(tiny, folder)
    path = folder / f"{name}.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StudioError, match="damaged"):
        answered(type(request)(**{**vars(request), "bundle": str(folder)}))


def test_other_shapes_are_refused(tiny, ask, tmp_path):
    request = ask("leapfactual")
    folder = tmp_path / "bundle"
    shutil.copytree(tiny, folder)
    found = bundles.Bundle(folder)
    part = found.manifest.parts["velocity"]
    weights = {k: torch.zeros(3, 3) for k in load_file(folder / part.file)}
    save_file(weights, folder / part.file)
    entry = part.model_copy(update={"sha256": checksum(folder / part.file)})
    parts = found.manifest.parts | {"velocity": entry}
    bundles.write_manifest(folder, found.manifest.model_copy(update={"parts": parts}))
    with pytest.raises(StudioError, match="does not fit"):
        answered(type(request)(**{**vars(request), "bundle": str(folder)}))


def test_a_buffer_may_be_infinite_and_not_nan():
    network = torch.nn.Linear(2, 2)
    network.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    assert unusable_weight(network) == ""
    network.mask[0] = torch.nan
    assert unusable_weight(network) == "mask"
