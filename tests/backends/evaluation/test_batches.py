"""How pictures fall into batches changes no row, nor whether there is one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from backends import bundles, evaluation, service
from backends.core import Request
from backends.errors import StudioError
from backends.evaluation import Plan, Row, questions
from backends.evaluation.answering import Taken, joined
from backends.evaluation.store import AnsweredPictures, Batch
from backends.evaluation.summary import Answered
from backends.methods.diffeomorphic import Adversarial, Diffeomorphic
from tests.backends.evaluation.test_rows import with_examples

COUNT = 4
COST = ("seconds", "batch", "nfe", "nfe_forward", "nfe_backward")  # a batch ends with its longest


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return with_examples(tmp_path_factory.mktemp("batches") / "bundle")


@pytest.fixture(scope="module")
def level(bundle):
    """Half of the pictures that are asked about are brighter."""
    x = questions.draw(bundles.find(bundle), COUNT, [], None, 0).x
    return float(x.flatten(1).mean(1).sort().values[1:3].mean())


def bright(x, level):
    return x.flatten(1).mean(1) > level


@pytest.fixture
def unknown(monkeypatch):
    """Let the flow not know pictures that are brighter than a level."""

    def make(level):
        begin = Diffeomorphic._begin

        def changed(self, factual, region):
            z, rebuilt, error = begin(self, factual, region)
            return z, rebuilt, torch.where(bright(factual, level), 0.5, 0 * error)

        monkeypatch.setattr(Diffeomorphic, "_begin", changed)

    return make


@pytest.fixture
def astray(monkeypatch):
    """Let a search end with no numbers for pictures that are brighter than a level."""

    def make(level):
        explain = Adversarial.explain

        def changed(self, factual, *others):
            for step in explain(self, factual, *others):
                lost = bright(factual, level)[:, None, None, None]
                yield replace(step, image=step.image.where(~lost, torch.nan))

        monkeypatch.setattr(Adversarial, "explain", changed)

    return make


def rows(bundle, method, **other):
    plan = Plan(bundle, [method], COUNT, settings={method: [{"steps": 2}]}, **other)
    return [item for item in evaluation.evaluate(plan) if isinstance(item, Row)]


def close(told, value):
    """Whether two values of a row are the same but for the order in which sums were taken."""
    if isinstance(value, dict):
        return told.keys() == value.keys() and all(close(told[k], v) for k, v in value.items())
    return told == value if value is None else told == pytest.approx(value, rel=1e-4, abs=1e-6)


def numbers(row):
    assert row.problem is None
    return {name: value for name, value in row.values.items() if name not in COST}


@pytest.mark.parametrize("method", ["diffeomorphic", "adversarial"])
def test_a_batch_without_an_answer_counts_as_not_flipped(bundle, level, request, method):
    request.getfixturevalue("unknown" if method == "diffeomorphic" else "astray")(level)
    (whole,), (single,) = (rows(bundle, method, batch=size) for size in (COUNT, 1))
    one, other = numbers(whole), numbers(single)
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert close(other[name], value), name
    assert len(single.shown) == len(whole.shown)


@pytest.mark.parametrize("size", [COUNT, 1])
@pytest.mark.parametrize(
    ("method", "words"), [("diffeomorphic", "errs by 0.500"), ("adversarial", "no numbers")]
)
def test_where_no_picture_has_an_answer_the_row_says_why(
    bundle, request, tmp_path, method, words, size
):
    request.getfixturevalue("unknown" if method == "diffeomorphic" else "astray")(-1)
    for _ in range(2):  # computed, and taken from what is finished
        (row,) = rows(bundle, method, batch=size, answers=tmp_path / "a.sqlite")
        assert words in row.problem


@pytest.mark.parametrize(
    ("method", "words"), [("diffeomorphic", "errs by 0.500"), ("adversarial", "no numbers")]
)
def test_a_person_s_own_picture_is_refused_in_a_sentence(ask, request, method, words):
    request.getfixturevalue("unknown" if method == "diffeomorphic" else "astray")(-1)
    asked: Request = ask(method)
    with pytest.raises(StudioError, match=words):
        list(service.explain(asked))


def pictures(numbers, **arrays):
    image = {"image": np.zeros((2, 1), np.uint8)}
    values = {name: np.array(value, float) for name, value in numbers.items()}
    return AnsweredPictures(values, image | arrays)


@pytest.mark.parametrize("turn", [1, -1])
def test_what_a_batch_lacks_is_no_number_there(turn):
    parts = [pictures({"l1": [1, 2], "cout": [3, 4]}), pictures({"l1": [5, 6]})][::turn]
    found = joined(parts)
    assert len(found.arrays["image"]) == 4
    assert found.numbers["l1"].tolist() == ([1, 2, 5, 6] if turn > 0 else [5, 6, 1, 2])
    told = found.numbers["cout"].tolist()
    known, lacking = (told[:2], told[2:])[::turn]
    assert known == [3, 4]
    assert np.isnan(lacking).all()


def test_arrays_that_a_batch_lacks_are_blank_there():
    some = {"reconstruction": np.ones((2, 3), np.uint8), "strokes": np.ones((2, 6))}
    found = joined([pictures({}), pictures({}, **some, problem=np.array(["none"] * 2))])
    assert found.arrays["reconstruction"].tolist() == [[0] * 3] * 2 + [[1] * 3] * 2
    assert np.isnan(found.arrays["strokes"][:2]).all()
    assert found.arrays["problem"].tolist() == ["", "", "none", "none"]


@pytest.mark.parametrize("turn", [1, -1])
def test_an_oracle_that_fails_on_a_batch_names_no_classes(turn):
    after = np.eye(2, dtype=np.float32)
    parts = [pictures({"oracle_label": [0, 1]}, after=after), pictures({}, after=after)][::turn]
    taken = [Taken(slice(i, i + 2), 0, Batch({"": part})) for i, part in enumerate(parts)]
    answered = Answered(None, None, None, None, taken, None)
    assert answered.oracle_label is None
    assert answered.oracle_agrees is None
