"""What the bench asks of the methods, what it stores, and when a folder's results are its own."""

import json
from types import SimpleNamespace

import pytest
import torch

from backends.errors import BadInput, MissingPart, OutOfMemory
from backends.faithfulness import answers, bench
from backends.faithfulness.bench import BenchResults, ShortcutPlan
from backends.faithfulness.factors import FACTORS
from backends.faithfulness.questions import FactorQuestions

ROWS = {"rows": [], "seconds": 0.0}


class StandIn:
    """A bundle that is known by its weights alone."""

    def __init__(self):
        self.weights = {"classifier": "1", "bridge": "2", "face": ""}
        self.manifest = SimpleNamespace(parts=self.weights)

    def named(self, kind):
        return kind

    def fingerprint(self, name):
        return self.weights.get(name, "")


@pytest.fixture
def found(monkeypatch):
    """What the bench runs on: nothing is trained, and a list says what every method answers, the
    last for all that follow."""
    told = SimpleNamespace(bundle=StandIn(), says=[ROWS], regions=[])

    def answered(*arguments):
        told.regions.append(arguments[5])
        return told.says.pop(0) if len(told.says) > 1 else told.says[0]

    nothing = SimpleNamespace(learnt=None, judged=None)
    monkeypatch.setattr(bench, "bundles", SimpleNamespace(get=lambda name: told.bundle))
    monkeypatch.setattr(bench, "pictures", lambda *_: nothing)
    monkeypatch.setattr(bench, "train", lambda *_: iter(()))
    monkeypatch.setattr(bench, "target_model", lambda _: None)
    monkeypatch.setattr(bench, "_effect", lambda *_: {"treatment": [0.0]})
    monkeypatch.setattr(bench, "span", lambda *_: 1.0)
    monkeypatch.setattr(bench, "ask", lambda *_: None)
    monkeypatch.setattr(bench, "answered", answered)
    return told


def plan(**other):
    return ShortcutPlan(**{
        "methods": ["rcsb"], "factors": ["mark"], "strengths": [1.0], "regions": ["whole"],
        "workers": 1,
    } | other)  # fmt: skip


def results(plan, out) -> BenchResults:
    *_, last = bench.run(plan, out)
    return last


def test_a_region_that_is_given_twice_is_asked_about_once(found, tmp_path):
    own = FACTORS["mark"].region
    results(plan(regions=["whole", own, "whole"]), tmp_path)
    assert {tuple(regions) for regions in found.regions} == {("whole", own)}


@pytest.mark.parametrize("lasting", [True, False])
def test_a_problem_that_may_pass_is_tried_again_by_the_same_command(found, tmp_path, lasting):
    problem = {"problem": "no room", "lasting": lasting}
    found.says = [problem]
    first = results(plan(), tmp_path)
    assert {answer["problem"] for answer in first.answers.values()} == {"no room"}
    found.says = [ROWS]
    again = results(plan(), tmp_path)
    told = [answer.get("problem") for answer in again.answers.values()]
    assert told == (["no room"] * 3 if lasting else [None] * 3)


def test_a_problem_that_may_pass_is_not_taken_over_by_a_world_that_answers_alike(found, tmp_path):
    found.says = [{"problem": "no room", "lasting": False}, ROWS]
    told = results(plan(), tmp_path).answers.values()
    assert ["problem" in answer for answer in told] == [True, False, False]


def test_all_is_done_where_a_method_has_no_answer(found, tmp_path):
    found.says = [{"problem": "no room", "lasting": False}]
    *_, last, _ = bench.run(plan(), tmp_path)
    assert last.done == last.total


def test_results_of_another_version_or_of_other_weights_are_not_mixed(found, tmp_path, monkeypatch):
    results(plan(), tmp_path)
    results(plan(factors=["mark", "thickness"]), tmp_path)  # more of the same
    monkeypatch.setattr(bench, "studio_version", lambda: "99.0")
    with pytest.raises(BadInput, match=r"version.*another folder"):
        results(plan(), tmp_path)


def test_results_of_other_weights_are_not_mixed(found, tmp_path):
    results(plan(), tmp_path)
    found.bundle.weights["bridge"] = "3"
    with pytest.raises(BadInput, match=r"networks.*another folder"):
        results(plan(), tmp_path)


def test_a_part_that_was_fetched_since_is_noted_and_held_to(found, tmp_path):
    results(plan(), tmp_path)
    found.bundle.weights["face"] = "4"
    results(plan(), tmp_path)
    assert json.loads((tmp_path / "plan.json").read_text())["parts"]["face"] == "4"
    found.bundle.weights["face"] = "5"
    with pytest.raises(BadInput, match="networks"):
        results(plan(), tmp_path)


def test_an_optional_part_that_was_fetched_since_gives_other_answers(found, tmp_path):
    found.bundle.weights["lpips"] = ""
    results(plan(), tmp_path)
    found.bundle.weights["lpips"] = "4"
    with pytest.raises(BadInput, match="networks"):
        results(plan(), tmp_path)


@pytest.mark.parametrize(("error", "lasting"), [
    (BadInput("the method cannot"), True), (OutOfMemory("no room"), False),
    (MissingPart("not here"), False),
])  # fmt: skip
def test_what_may_pass_is_known_by_its_error(tiny, monkeypatch, error, lasting):
    from backends import bundles

    def refused(question):
        raise error

    monkeypatch.setattr(answers, "run", refused)
    x, some = torch.zeros(1, 1, 16, 16), torch.tensor([1])
    asked = FactorQuestions(x, some, some, torch.tensor([0.0]))
    told = answers.answered(
        bundles.find(tiny), FACTORS["mark"], 1.0, asked, "adversarial", ["whole"], {}, 0
    )
    assert told == {"problem": str(error), "lasting": lasting}
