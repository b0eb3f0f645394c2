"""Evaluations and benchmarks without any data: the bundle's own test pictures; one mask for all."""

import numpy as np
import pytest
import torch
from PIL import Image

from backends import bundles, evaluation
from backends.core import Region
from backends.errors import BadInput, MissingPart
from backends.evaluation import Plan, questions
from backends.explain.question import Question
from backends.explain.runner import run
from benchmarks import digits
from tests.conftest import MANIFEST, write_tiny


@pytest.mark.weights
def test_the_digits_come_with_test_pictures_that_its_model_knows():
    found = bundles.find("digits")
    entry = found.manifest.test
    assert "MNIST" in entry.source
    assert "CC BY-SA" in entry.licence
    assert (found.folder / entry.file).stat().st_size <= 300_000
    split = digits.pictures(found, None)
    assert len(split) == entry.count >= 300
    x, y = split.batch(torch.arange(200))
    assert x.shape == (200, 1, 32, 32)
    with torch.no_grad():
        assert (found.part("classifier")(x).argmax(1) == y).float().mean() > 0.95
    assert len(questions.draw(found, 500, [], None, 0).x) == 500


@pytest.mark.weights
def test_a_benchmark_that_wants_more_says_what_to_do():
    found = bundles.find("digits")
    with pytest.raises(SystemExit, match="lower --count, or give --data"):
        digits.questions(found, None, 2000, trivial=False)
    with pytest.raises(SystemExit, match="give --data a folder"):
        digits.both(None)


def test_damaged_test_pictures_are_refused_in_a_sentence(tmp_path):
    folder = write_tiny(tmp_path / "tiny", without=("bridge",))
    (folder / "test.npz").write_bytes(b"damaged")
    entry = bundles.TestPictures(
        file="test.npz", sha256="0" * 64, count=1, source="drawn", licence="Apache-2.0"
    )
    stored = bundles.find(str(folder)).manifest
    bundles.write_manifest(folder, stored.model_copy(update={"test": entry}))
    with pytest.raises(MissingPart, match=r"test\.npz .* damaged"):
        bundles.find(str(folder)).test_pictures()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The tiny bundle with test pictures of its own."""
    folder = write_tiny(tmp_path_factory.mktemp("offline") / "bundle")
    values = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 1), dtype=np.uint8)
    np.savez_compressed(folder / "test.npz", pictures=values, labels=np.zeros(6, np.int64))
    entry = bundles.TestPictures(
        file="test.npz", sha256=bundles.bundle.checksum(folder / "test.npz"), count=6,
        source="drawn", licence="Apache-2.0",
    )  # fmt: skip
    stored = bundles.find(str(folder)).manifest
    bundles.write_manifest(folder, stored.model_copy(update={"test": entry}))
    return str(folder)


def test_one_mask_is_the_region_of_every_picture(bundle, tmp_path):
    mask = np.zeros((16, 16), np.uint8)
    mask[4:12, 4:12] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    name = f"mask:{tmp_path / 'mask.png'}"
    *_, row = evaluation.evaluate(Plan(bundle, ["leapfactual"], 4, regions=[name]))
    assert row.problem is None
    assert row.values["region_area"] == 64 / 256
    assert row.values["change_outside"]["mean"] == 0
    Image.fromarray(mask[:8]).save(tmp_path / "small.png")
    with pytest.raises(BadInput):
        list(
            evaluation.evaluate(
                Plan(bundle, ["leapfactual"], 1, regions=[f"mask:{tmp_path}/small.png"])
            )
        )


def test_steps_that_nobody_watches_ask_the_model_nothing_and_change_no_answer(bundle):
    found = bundles.find(bundle)
    x, target = questions.draw(found, 2, [], None, 0).x, torch.tensor([1, 2])
    region = Region((torch.arange(256).view(1, 1, 16, 16) % 2).float().expand(2, -1, -1, -1))
    ends = {}
    for watched in (True, False):
        *between, last = run(Question.of(found, "leapfactual", x, target, region, watched=watched))
        ends[watched] = last.counterfactual
        assert {step.target_probability is not None for step in between} == {watched}
        assert all(
            torch.equal(step.image * (1 - region.mask), x * (1 - region.mask)) for step in between
        )
    assert torch.equal(ends[True].image, ends[False].image)
    assert ends[True].nfe == ends[False].nfe


def test_a_part_that_is_written_keeps_the_test_pictures(bundle):
    found = bundles.find(bundle)
    entry = found.manifest.parts["velocity"]
    bundles.write_part(found.folder, MANIFEST, "velocity", found.part("velocity"), entry)
    assert bundles.find(bundle).manifest.test == found.manifest.test
