"""Evaluations: which questions are asked, and that a row says what its answers say."""

import gzip
import struct
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import bootstrap

from backends import bundles, evaluation, service
from backends.errors import BadInput, NotFound
from backends.evaluation import Plan, Progress, Row, examples, questions, summary
from backends.imaging import eight_bit
from backends.metrics import attributes, identity, opinions
from backends.targets.named import target_model
from studio.export import report, tables
from tests.conftest import write_tiny
from tests.faces import write_faces


def with_examples(folder, count=30, **options):
    """The tiny bundle with pictures on which its random classifier is not of one mind."""
    write_tiny(folder, **options)
    rng = np.random.default_rng(0)
    examples = []
    for i in range(count):
        values = rng.integers(0, 256, (16, 16)) * rng.integers(0, 2, (16, 16)) * (i % 3 > 0)
        values[: i % 16] = 255 * (i % 2)
        Image.fromarray(values.astype(np.uint8)).save(folder / f"{i}.png")
        examples.append(bundles.Example(file=f"{i}.png", label="a", index=i))
    manifest = bundles.Bundle(folder).manifest
    bundles.write_manifest(folder, manifest.model_copy(update={"examples": examples}))
    return str(folder)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return with_examples(tmp_path_factory.mktemp("evaluation") / "bundle")


def test_random_targets_differ_from_the_prediction_and_come_from_the_seed(bundle):
    found = bundles.find(bundle)
    asked = questions.draw(found, 20, [], None, 0)
    assert asked.x.shape == (20, 1, 16, 16)
    assert (asked.source != asked.target).all()
    assert torch.equal(asked.source, target_model(found).probabilities(asked.x).argmax(1))
    again, other = (questions.draw(found, 20, [], None, seed) for seed in (0, 1))
    assert torch.equal(asked.x, again.x)
    assert torch.equal(asked.target, again.target)
    assert not torch.equal(asked.x, other.x)


def test_pairs_take_turns_and_start_from_what_the_model_says(bundle):
    found = bundles.find(bundle)
    said = Counter(questions.draw(found, 30, [], None, 0).source.tolist())
    (one, _), *_ = said.most_common()
    two, three = ((one + k) % 3 for k in (1, 2))
    names = found.manifest.class_names
    pairs = [(names[one], names[two]), (names[one], names[three])]
    asked = questions.draw(found, 4, pairs, None, 0)
    assert asked.source.tolist() == [one] * 4
    assert asked.target.tolist() == [two, three, two, three]
    with pytest.raises(BadInput, match="lower --n"):
        questions.draw(found, 1000, pairs, None, 0)


def test_the_nearest_class_is_what_the_model_finds_next_likely(bundle):
    asked = questions.draw(bundles.find(bundle), 20, [], None, 0, targets="nearest")
    for p, source, target in zip(asked.opinions, asked.source, asked.target, strict=True):
        assert sorted(range(3), key=lambda k: -p[k])[:2] == [int(source), int(target)]
    labels = torch.eye(3)[[0, 2, 1]]
    with pytest.raises(BadInput, match="labels only"):
        questions.nearest_classes(labels)
    assert questions.nearest_classes(torch.tensor([[0.0, 1.0]])).tolist() == [0]


@pytest.mark.slow
def test_a_picture_counts_once_however_many_seeds_it_is_asked_with(bundle):
    plan = Plan(bundle, ["rcsb"], 3, seeds=[5, 6], settings={"rcsb": [{"steps": 2}]})
    *_, both = evaluation.evaluate(plan)
    each = [list(evaluation.evaluate(replace(plan, seeds=[seed])))[-1] for seed in (5, 6)]
    assert both.values["n"] == 3
    means = [row.values["l1"]["mean"] for row in each]
    assert means[0] != means[1]
    assert np.isclose(both.values["l1"]["mean"], np.mean(means))
    assert both.values["nfe"] == each[0].values["nfe"]


def test_an_interval_is_scipys_and_the_mean_of_seeds_leaves_out_what_is_no_number():
    value = torch.rand(40, generator=torch.Generator().manual_seed(0)).double()
    told = summary.mean(value, 40)
    expected = bootstrap((value.numpy(),), np.mean, n_resamples=2000, method="percentile",
                         rng=np.random.default_rng(0)).confidence_interval  # fmt: skip
    assert (told["low"], told["high"]) == tuple(expected)
    assert told["low"] < told["mean"] < told["high"]
    assert abs((told["high"] - told["low"]) / 2 - 1.96 * told["sem"]) < 0.3 * told["sem"]
    assert summary.mean(torch.tensor([1.0, torch.nan, 3.0, 5.0]), 2)["mean"] == 3.5
    assert summary.mean(torch.tensor([2.0]), 1) == {
        "mean": 2, "sem": None, "low": None, "high": None
    }  # fmt: skip


def of_flipped(agrees, flipped):
    """The metrics of the flipped answers, all of which say what ``agrees`` says."""
    same = torch.ones(len(agrees), 2)
    other = same.where(agrees[:, None], -same)
    attribute = torch.zeros(len(agrees), 1).bool()
    return [
        opinions.oracle_agreement_flipped(agrees, flipped),
        attributes.attributes_changed((attribute, agrees[:, None]), flipped),
        identity.face_verified_dlib((same, other), flipped),
        (identity.face_similarity_dlib((same, other), flipped) + 1).round() / 2,
    ]


@pytest.mark.parametrize("flips", [59, 60, 61, 80])
def test_pictures_are_resampled_where_the_flipped_alone_count(flips):
    """Whatever number of answers flipped: each picture counts as the mean of its own."""
    pictures, seeds = 20, 4
    says = torch.arange(pictures) % 3 == 0
    expected = summary.mean(says.double(), pictures)
    for value in of_flipped(says.repeat(seeds), torch.arange(seeds * pictures) < flips):
        assert summary.mean(value, pictures) == expected


def test_the_flipped_of_one_seed_are_told_as_by_themselves():
    says, flipped = torch.arange(20) % 3 == 0, torch.arange(20) % 4 > 0
    expected = summary.mean(says[flipped], 15)
    for value in of_flipped(says, flipped):
        assert summary.mean(value, 20) == expected
    nothing = summary.mean(opinions.oracle_agreement_flipped(says, ~flipped & flipped), 20)
    assert set(nothing.values()) == {None}


def test_values_that_belong_to_no_picture_are_a_mistake():
    with pytest.raises(ValueError, match="59 values of 20 pictures"):
        summary.mean(torch.zeros(59), 20)


@pytest.mark.parametrize(
    ("count", "pairs", "error", "expected"),
    [(31, [], BadInput, "only 30"), (1, [("a", "moon")], NotFound, "choose from"),
     (1, [("a", "a")], BadInput, "no change")],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(bundle, count, pairs, error, expected):
    with pytest.raises(error, match=expected):
        questions.draw(bundles.find(bundle), count, pairs, None, 0)


@pytest.mark.weights
def test_pictures_of_another_size_are_refused(bundle, tmp_path):
    pictures = struct.pack(">4i", 0x803, 5, 28, 28) + bytes(5 * 28 * 28)
    labels = struct.pack(">2i", 0x801, 5) + bytes(5)
    for name, content in (("t10k-images-idx3", pictures), ("t10k-labels-idx1", labels)):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(gzip.compress(content))
    with pytest.raises(BadInput, match="leave --data out"):
        questions.draw(bundles.find(bundle), 2, [], str(tmp_path), 0)
    asked = questions.draw(bundles.find("digits"), 2, [], str(tmp_path), 0)
    assert asked.x.shape == (2, 1, 32, 32)


def test_a_row_is_the_mean_of_its_answers(bundle):
    plan = Plan(bundle, ["leapfactual"], 6, regions=["box:2,2,10,10"], batch=4, shown=5)
    *progress, row, standard = evaluation.evaluate(plan)
    assert isinstance(row, Row)
    assert standard.answer == "standard"
    assert all(isinstance(item, Progress) for item in progress)
    shares = [item.share for item in progress]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert row.values["n"] == 6
    assert row.values["region_area"] == 64 / 256
    assert row.values["change_outside"] == {"mean": 0, "sem": 0, "low": 0, "high": 0}
    assert row.values["nfe_backward"] == 0
    assert row.values["nfe_forward"] > 0
    assert row.values["seconds"] > 0
    assert {"flip_rate", "oracle_agreement", "target_probability", "l1", "l2", "ssim", "cout",
            "changed_area"} <= set(row.values)  # fmt: skip
    assert len(row.shown) == 5
    for answer in row.shown:
        assert np.array_equal(answer.factual[answer.mask == 0],
                              answer.counterfactual[answer.mask == 0])  # fmt: skip
        assert answer.record["flipped"] == (
            answer.record["counterfactual"] == answer.record["target"]
        )
    whole = Plan(bundle, ["leapfactual"], 6, regions=["box:2,2,10,10"], batch=4, shown=6)
    *_, row, _ = evaluation.evaluate(whole)
    flips = [answer.record["flipped"] for answer in row.shown]
    assert row.values["flip_rate"]["mean"] == np.mean(flips)
    assert np.isclose(row.values["flip_rate"]["sem"], np.std(flips, ddof=1) / 6**0.5)
    l1 = [np.abs(a.factual / 255 - a.counterfactual / 255).sum() for a in row.shown]
    assert np.isclose(row.values["l1"]["mean"], np.mean(l1))


def test_a_method_without_its_parts_is_a_row_that_says_so(tmp_path):
    bundle = with_examples(tmp_path / "bundle", without=("bridge",))
    plan = Plan(bundle, ["rcsb", "leapfactual"], 2, regions=["whole", "auto"])
    rows = [item for item in evaluation.evaluate(plan) if isinstance(item, Row)]
    rows = [row for row in rows if not row.answer]
    assert [(row.method, row.region) for row in rows] == [
        ("rcsb", "whole"), ("rcsb", "auto"), ("leapfactual", "whole"), ("leapfactual", "auto"),
    ]  # fmt: skip
    assert all("bridge" in row.problem for row in rows[:2])
    assert all(row.problem is None for row in rows[2:])


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation") / "faces"
    write_faces(folder)
    few = {"leapfactual": {"blending_leaps": 2}, "diffeomorphic_gan": {"steps": 3}}
    manifest = bundles.Bundle(folder).manifest
    bundles.write_manifest(folder, manifest.model_copy(update={"settings": few}))
    return str(folder)


def test_without_examples_the_generator_draws(faces, monkeypatch, tmp_path):
    """Its pictures need no search for their latents, and the generator serves as the kinds of
    prior that the methods need."""
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("backends.priors.stylegan.anchored.invert", None)
    methods = ["leapfactual", "diffeomorphic_gan"]
    plan = Plan(faces, methods, 3, regions=["box:8,8,100,100"], batch=2, shown=3)
    rows = [item for item in evaluation.evaluate(plan) if isinstance(item, Row)]
    assert [(row.method, row.answer, row.problem) for row in rows] == [
        ("leapfactual", "", None), ("leapfactual", "standard", None),
        ("diffeomorphic_gan", "", None),
    ]  # fmt: skip
    for row in rows:
        assert row.values["n"] == 3
        assert row.values["change_outside"]["mean"] == 0
    assert not np.array_equal(rows[0].shown[0].factual, rows[0].shown[1].factual)


def test_drawn_faces_come_from_the_seed_and_can_be_asked_for_by_class(faces):
    found = bundles.find(faces)
    network = found.part("generator")
    asked, again, other = (questions.draw(found, 2, [], None, seed) for seed in (0, 0, 1))
    assert torch.equal(asked.x, again.x)
    assert not torch.equal(asked.x, other.x)
    assert torch.equal(asked.x, eight_bit(network.decode(asked.w)))
    names = found.manifest.class_names
    said = int(asked.source[0])
    pairs = [(names[said], names[1 - said])]
    chosen = questions.draw(found, 2, pairs, None, 0)
    assert chosen.source.tolist() == [said] * 2
    assert torch.equal(chosen.x, eight_bit(network.decode(chosen.w)))


def test_with_neither_examples_nor_a_generator_a_folder_is_asked_for(tiny):
    with pytest.raises(BadInput, match="no examples; give --data"):
        questions.draw(bundles.find(tiny), 1, [], None, 0)


def test_examples_are_the_first_the_best_and_the_worst():
    """Pictures 0 to 7: even ones flip, 2 and 6 please the oracle, later ones change more."""
    count, target = 8, torch.ones(8, dtype=torch.int64)
    flips = torch.arange(count) % 2 == 0
    image = torch.arange(count).float().view(-1, 1, 1, 1).expand(-1, 1, 4, 4) / 10
    oracle = torch.tensor([0, 0, 1, 0, 0, 0, 1, 0])
    answered = SimpleNamespace(
        questions=SimpleNamespace(x=image), image=image, factual=torch.zeros_like(image),
        flipped=flips, oracle_agrees=oracle == target,
    )  # fmt: skip
    assert examples.chosen(answered, 12) == [("random", i) for i in range(8)]
    assert examples.chosen(answered, 4) == [
        ("random", 0), ("random", 1), ("best", 2), ("worst", 7)
    ]  # fmt: skip
    assert examples.chosen(answered, 1) == [("random", 0)]


@pytest.mark.slow
def test_a_method_with_two_answers_has_a_row_and_pictures_for_each(bundle):
    plan = Plan(bundle, ["leapfactual", "revise"], 4, shown=2)
    rows = [item for item in evaluation.evaluate(plan) if isinstance(item, Row)]
    assert [(row.method, row.answer) for row in rows] == [
        ("leapfactual", ""), ("leapfactual", "standard"), ("revise", "")
    ]  # fmt: skip
    first, standard, _ = rows
    assert "seconds" not in standard.values, "a run is paid for once"
    assert set(first.values) - set(standard.values) == {
        "nfe", "nfe_forward", "nfe_backward", "seconds"
    }  # fmt: skip
    assert len(standard.shown) == 2
    assert not np.array_equal(standard.shown[0].counterfactual, first.shown[0].counterfactual)
    about = service.about(bundle)
    table = tables.evaluation(plan, rows, about)
    assert [row["title"] for row in table["rows"]] == [
        "LeapFactual", "LeapFactual, standard", "REVISE (baseline)"
    ]  # fmt: skip
    page = report.page({**table, "pairs": []}, rows)
    assert page.count("<h2>") == 3 + 2, "settings and versions, too"
    assert page.count("rebuilt by the prior") == 6


def test_methods_that_nothing_here_could_serve_are_not_worth_a_line(bundle):
    methods = service.about("digits")["methods"]
    assert methods["ldce_txt"]["hidden"]
    assert "no recipe trains it" in methods["ldce_txt"]["problem"]
    assert [name for name, entry in methods.items() if entry["hidden"]] == ["ldce_txt"]
    assert not any(entry["hidden"] for entry in service.about(bundle)["methods"].values())
