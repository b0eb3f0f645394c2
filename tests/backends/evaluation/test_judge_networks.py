"""What the judges' networks make of an evaluation's pictures comes into its rows."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from backends import bundles, evaluation
from backends.errors import BadInput
from backends.evaluation import Plan, Row
from backends.evaluation.judge_networks import FACE, INCEPTION, SHARED, JudgeNetworks
from backends.evaluation.summary import Answered
from backends.metrics import coverage, frechet, kernel
from tests.backends.evaluation.test_rows import with_examples
from tests.backends.metrics.test_judges import write_checkpoint

FEATURES = 5


def pooled(side):
    return lambda x: torch.nn.functional.adaptive_avg_pool2d(x, side).flatten(1)


def judged(x):
    """In the place of Inception: five features and four spatial ones."""
    return torch.cat([pooled(3)(x)[:, :FEATURES], pooled(2)(x)], dim=1)


@pytest.fixture
def stand_ins(monkeypatch):
    """Small networks in the place of those that would be fetched."""
    asked = []

    def network(self, name):
        asked.append(name)
        return {INCEPTION: judged, FACE: pooled(4)}[name]

    monkeypatch.setattr(JudgeNetworks, "names", {INCEPTION: "1", FACE: "2"})
    monkeypatch.setattr(JudgeNetworks, "_network", network)
    monkeypatch.setattr("backends.evaluation.summary.FEATURES", FEATURES)
    for module, least in ((frechet, "ENOUGH"), (kernel, "FEWEST"), (coverage, "FEWEST")):
        monkeypatch.setattr(module, least, 6)
    # The random classifier has one opinion only.
    some = property(lambda self: torch.arange(len(self.image)) % 3 > 0)
    monkeypatch.setattr(Answered, "flipped", some)
    return asked


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return with_examples(tmp_path_factory.mktemp("views") / "bundle")


def rows(plan):
    return [item for item in evaluation.evaluate(plan) if isinstance(item, Row)]


def pictures(folder, column):
    """Of a kept evaluation, [N, 1, H, W] in [0, 1]."""
    lines = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    files = [np.asarray(Image.open(folder / line[column])) for line in lines]
    return torch.from_numpy(np.stack(files)).float().view(len(files), 1, 16, 16) / 255, lines


def test_a_row_has_what_its_kept_pictures_come_to(bundle, stand_ins, tmp_path):
    plan = Plan(bundle, ["adversarial"], 30, keep=tmp_path / "kept", answers=tmp_path / "a.sqlite")
    (row,) = rows(plan)
    after, lines = pictures(tmp_path / "kept", "file_name")
    before, _ = pictures(tmp_path / "kept", "factual_file_name")
    flipped = torch.tensor([line["flipped"] for line in lines])
    assert int(flipped.sum()) == 20
    seen = judged(before), judged(after[flipped])
    part = [features[:, :FEATURES] for features in seen]
    assert row.values["kid"] == pytest.approx(float(kernel.kernel_distance(*part)), rel=1e-4)
    assert row.values["fid"] == pytest.approx(float(frechet.frechet(*part)), rel=1e-4)
    rest = [features[:, FEATURES:] for features in seen]
    assert row.values["spatial_fid"] == pytest.approx(float(frechet.frechet(*rest)), rel=1e-4)
    assert {"split_fid", "precision_inception", "recall_inception"} <= set(row.values)
    alike = torch.cosine_similarity(pooled(4)(before), pooled(4)(after), dim=1)[flipped]
    assert row.values["face_similarity_dlib"]["mean"] == pytest.approx(float(alike.mean()))
    assert 0 <= row.values["face_verified_dlib"]["mean"] <= 1
    assert any("read KID" in note for note in row.notes)

    stand_ins.clear()
    (again,) = rows(plan)
    assert again.values | {"seconds": 0} == row.values | {"seconds": 0}
    assert sorted(stand_ins) == [FACE, INCEPTION], "only the factuals are looked at again"


def test_the_judges_see_what_is_stored_and_several_seeds_meet_one_factual(bundle, stand_ins):
    found = bundles.find(bundle)
    x = torch.rand(45, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    seen = JudgeNetworks(found)
    exact = (x * 255).round() / 255
    assert torch.equal(seen.of(FACE, x), pooled(4)(exact))
    assert {name: values.dtype for name, values in seen.stored(x).items()} == {
        "view_inception": np.float32, "view_face": np.float32
    }  # fmt: skip
    (row,) = rows(Plan(bundle, ["rcsb"], 30, seeds=[0, 1], regions=["whole"]))
    assert row.problem is None
    assert {"fid", "split_fid", "recall_inception", "face_verified_dlib"} <= set(row.values)


def test_without_the_judges_nothing_is_named_after_them(bundle):
    assert JudgeNetworks(bundles.find(bundle)).names == {}
    (row,) = rows(Plan(bundle, ["adversarial"], 4))
    assert not {"fid", "kid", "s3", "face_verified_dlib"} & set(row.values)
    assert {"frechet_oracle", "kernel_oracle", "cosine_oracle"} & set(row.values)
    assert any("bundles pull judges" in note for note in row.notes)


def test_portraits_alone_have_persons(bundle, monkeypatch):
    shared = bundles.get(SHARED)
    monkeypatch.setattr(type(shared), "problem", lambda self, name: None)
    monkeypatch.setattr(type(shared), "fingerprint", lambda self, name: f"of {name}")
    assert JudgeNetworks(bundles.find(bundle)).names == {INCEPTION: "of inception"}
    portraits = JudgeNetworks(bundles.get("small-faces")).names
    assert portraits == {INCEPTION: "of inception", FACE: "of face_descriptor"}


def test_a_wrong_checkpoint_is_told_before_anything_is_asked(bundle, tmp_path):
    with pytest.raises(BadInput, match="SimSiam"):
        rows(Plan(bundle, ["adversarial"], 2, simsiam=tmp_path / "none.pth.tar"))


@pytest.mark.slow
def test_a_given_checkpoint_gives_s3(bundle, tmp_path):
    path, _ = write_checkpoint(tmp_path)
    (row,) = rows(Plan(bundle, ["adversarial"], 3, simsiam=path))
    assert -1 <= row.values["s3"]["mean"] <= 1
