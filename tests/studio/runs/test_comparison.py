"""A comparison: its runs, table, choice and files, with real methods on tiny parts."""

import asyncio
import csv
import io
import json
import zipfile
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from backends import service
from backends.core import Answer, Frame
from backends.errors import BadInput, NotFound
from backends.metrics import METRICS
from studio.engines.local import LocalEngine
from studio.export import tables
from studio.runs import Runs
from studio.runs.comparison import MOST, NONE, Comparison, Comparisons, questions, seeds_of
from studio.runs.rows import spreads
from studio.runs.study import Study
from studio.ui.compare import markup as columns
from studio.ui.compare.table import table
from studio.ui.shared import form
from studio.ui.shared.badges import badge

METHODS = ["leapfactual", "rcsb", "place"]
QUICK = {"leapfactual": {}, "rcsb": {"steps": 4}, "place": {"steps": 5}}


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path / "study" / "choices.jsonl")


@pytest.fixture
def comparisons(tmp_path, study):
    engine = LocalEngine()
    yield Comparisons(Runs(engine, service.explain, service.stopped), tmp_path, study)
    engine.close()


def carry_out(comparisons, requests, owner="me", until=None):
    comparison = comparisons.open(owner, requests)

    async def follow():
        async with aclosing(comparisons.follow(comparison, patience=0.01)) as news:
            async for i in news:
                if until and until(comparison, i):
                    return

    asyncio.run(asyncio.wait_for(follow(), 60))
    return comparison


@pytest.fixture
def quick(ask):
    """The three methods' requests, with few steps."""
    asked = questions(ask("leapfactual"), METHODS, [0])
    return [r.__class__(**{**r.__dict__, "settings": QUICK[r.method]}) for r in asked]


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0", [0]), (" 0, 1,2 ", [0, 1, 2]), ("0-3", [0, 1, 2, 3]), ("7,2-3,7", [7, 2, 3])],
)
def test_seeds(text, seeds):
    assert seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1,,2", "-1", "3-1", "1.5", "0-", "²"])
def test_seeds_that_cannot_be_read_are_told(text):
    with pytest.raises(BadInput, match="write 0, or"):
        seeds_of(text)


def test_too_much_or_nothing_is_told(ask):
    with pytest.raises(BadInput, match="at most"):
        seeds_of("0-999999999")
    with pytest.raises(BadInput, match="at most"):
        questions(ask("rcsb"), METHODS, range(MOST))
    seeded = [f"m{n}" for n in range(MOST // 3)]
    assert len(questions(ask("rcsb"), [*seeded], [0, 1, 2])) == MOST
    with pytest.raises(BadInput, match="at least one"):
        questions(ask("rcsb"), [], [0])


def test_the_same_question_to_each(ask):
    asked = questions(ask("rcsb", settings={"steps": 3}), ["rcsb", "place"], [0, 5])
    assert [(r.method, r.seed) for r in asked] == [
        ("rcsb", 0),
        ("rcsb", 5),
        ("place", 0),
        ("place", 5),
    ]
    assert all(r.settings == {} for r in asked)


def test_methods_that_draw_nothing_are_asked_once(ask, tiny):
    every = service.about(tiny)["methods"]
    able = [name for name, entry in every.items() if entry["problem"] is None]
    fixed = {name for name in able if not every[name]["seeded"]}
    asked = questions(ask("rcsb"), able, [4, 5, 6], fixed)
    counts = {name: sum(r.method == name for r in asked) for name in able}
    assert counts == {name: 1 if name in fixed else 3 for name in able}
    assert {r.seed for r in asked if r.method in fixed} == {4}
    assert fixed
    assert set(able) - fixed


def test_every_method_answers_in_turn(comparisons, quick):
    comparison = carry_out(comparisons, quick)
    assert [run.state for run in comparison.runs] == ["done"] * 3
    assert comparison.ended
    rows = comparison.rows()
    assert [row["method"] for row in rows] == METHODS
    for row, run in zip(rows, comparison.runs, strict=True):
        record = run.answer.record
        assert row["status"] == record["status"]
        assert row["l1"] == record["metrics"]["l1"]
        assert row["nfe"] == sum(n["forward"] + n["backward"] for n in record["nfe"].values())
        assert row["convincing"] is None


def test_one_that_fails_says_why_and_the_others_go_on(comparisons, quick):
    quick[1] = quick[1].__class__(**{**quick[1].__dict__, "settings": {"steps": -1}})
    comparison = carry_out(comparisons, quick)
    assert [row["status"] == "failed" for row in comparison.rows()] == [False, True, False]
    assert "steps" in comparison.rows()[1]["reason"]
    assert comparison.rows()[1]["l1"] is None


def test_a_stop_ends_all_and_keeps_what_is_finished(comparisons, ask):
    asked = questions(ask("leapfactual"), ["leapfactual", "rcsb"], [0, 1])

    def stop(comparison, i):
        if i == 2:
            comparison.stop()

    comparison = carry_out(comparisons, asked, until=stop)
    states = [run.state if run else None for run in comparison.runs]
    assert states[:2] == ["done", "done"]
    assert states[2] in ("stopped", "done")
    assert states[3] is None
    assert comparison.rows()[3]["status"] == "not_started"


def test_leaving_stops_the_rest(comparisons, ask):
    asked = questions(ask("rcsb"), ["rcsb"], [0, 1, 2])
    comparison = carry_out(comparisons, asked, until=lambda comparison, i: True)
    assert comparison.stopped
    assert comparison.ended
    assert comparison.runs[1:] == [None, None]
    assert comparison.runs[0].job.stopping


def test_it_waits_for_the_persons_other_runs(tmp_path, quick, study):
    engine = LocalEngine()
    runs = Runs(engine, service.explain, service.stopped, going=1)
    comparisons = Comparisons(runs, tmp_path, study)
    other = runs.start(quick[0], "me")
    comparison = carry_out(comparisons, quick)
    engine.close()
    assert other.state == "done"
    assert [run.state for run in comparison.runs] == ["done"] * 3


def test_nobody_sees_another_persons_comparison(comparisons, quick):
    mine = comparisons.open("me", quick)
    assert comparisons.get(mine.id, "me") is mine
    with pytest.raises(NotFound):
        comparisons.get(mine.id, "you")
    comparisons.leave("you")
    assert not mine.stopped
    comparisons.leave("me")
    assert mine.stopped


def test_the_choice_is_kept_and_may_change(comparisons, quick, study):
    comparison = carry_out(comparisons, quick)
    first, second, _ = comparison.runs
    comparisons.choose(comparison, second.id)
    assert second.answer.record["convincing"] is True
    assert first.answer.record["convincing"] is False
    comparisons.choose(comparison, NONE)
    assert second.answer.record["convincing"] is False
    with pytest.raises(BadInput):
        comparisons.choose(comparison, "somebody else's")
    text = study.file.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["chosen"] for line in lines] == [second.id, NONE]
    last = lines[-1]
    assert last["comparison"] == comparison.id
    assert [(run["method"], run["seed"], run["run"]) for run in last["runs"]] == [
        (run.request.method, 0, run.id) for run in comparison.runs
    ]
    assert last["runs"][0]["metrics"]["l1"] == first.answer.record["metrics"]["l1"]
    assert last["region"]["source"] == "whole"
    assert len(last["factual_sha256"]) == 64
    assert '"me"' not in text, "the study does not know whose page it was"
    assert last["owner"] == lines[0]["owner"]


def test_the_archive_has_everything_and_the_choice(comparisons, quick):
    comparison = carry_out(comparisons, quick)
    comparisons.archive(comparison)
    comparisons.choose(comparison, comparison.runs[2].id)
    with zipfile.ZipFile(comparisons.archive(comparison)) as archive:
        told = json.loads(archive.read("comparison.json"))
        rows = list(csv.DictReader(io.StringIO(archive.read("table.csv").decode())))
        names = ["leapfactual-seed0", "rcsb-steps-4-seed0", "place-steps-5-seed0"]
        results = [json.loads(archive.read(f"{name}/result.json")) for name in names]
        assert archive.read("place-steps-5-seed0/counterfactual.png")
    assert told["convincing"] == comparison.runs[2].id
    assert [r["convincing"] for r in results] == [False, False, True]
    assert [row["method"] for row in rows] == [*METHODS, "leapfactual"]
    assert rows[-1]["answer"] == "standard"
    assert rows[2]["convincing"] == "True"


def test_old_comparisons_are_forgotten_with_their_files(comparisons, quick):
    first = carry_out(comparisons, quick[:1])
    path = Path(comparisons.archive(first))
    for _ in range(3):
        carry_out(comparisons, quick[:1])
    with pytest.raises(NotFound):
        comparisons.get(first.id, "me")
    assert not path.exists()


def test_a_number_that_is_none_is_absent_everywhere(tmp_path, ask, study):
    picture = np.zeros((4, 4, 1), np.uint8)
    record = {
        "status": "flipped", "flipped": True, "oracle": None, "nfe": {}, "seconds": 0.1,
        "factual": {"label": "a"}, "counterfactual": {"label": "b"},
        "region": {"source": "whole", "area": 1.0},
        "metrics": {"l1": float("nan"), "cout": float("inf"), "l2": 1.0},
    }  # fmt: skip

    def explain(request):
        yield Frame(1, 1, "x", picture, 0.5, 0.1)
        yield Answer(picture, picture, picture[..., 0], record)

    engine = LocalEngine()
    comparisons = Comparisons(Runs(engine, explain, service.stopped), tmp_path, study)
    comparison = carry_out(comparisons, [ask("rcsb"), ask("place")])
    engine.close()
    assert comparison.rows()[0]["l1"] is None
    assert "nan" not in tables.as_csv(comparison.rows()).lower()
    json.dumps(comparison.study_record("x"), allow_nan=False)
    markup = table(comparison.rows(), {}, METRIC_TABLE)
    assert "nan" not in markup.lower().replace("convincing", "")
    assert ">–<" in markup


METRIC_TABLE = {name: asdict(metric) for name, metric in METRICS.items()}


def row(**changes):
    names = [name for name, metric in METRICS.items() if metric.compared != "never"]
    return dict.fromkeys(names) | {
        "method": "rcsb", "model": "classifier", "settings": {}, "seed": 0, "status": "flipped",
        "flipped": True, "label": "9", "oracle_label": None, "oracle_agrees": None,
    } | changes  # fmt: skip


def test_best_values_are_marked_among_those_that_flipped():
    rows = [
        row(l1=5.0, ssim=0.9),
        row(l1=3.0, ssim=0.8),
        row(l1=0.1, ssim=1.0, status="not_flipped", flipped=False),
    ]
    markup = table(rows, {"rcsb": "RCSB"}, METRIC_TABLE)
    assert "★ 3.0</strong>" in markup, "lower is better"
    assert "★ 0.900</strong>" in markup, "higher is better"
    assert "★ 0.1</strong>" not in markup
    assert table(rows[:1], {}, METRIC_TABLE).count("<strong") == 0, "nothing to choose"
    assert "L1 ↓" in markup
    assert "SSIM ↑" in markup


def test_only_networks_that_are_there_have_a_column():
    markup = table([row(), row(lpips_alex=0.3)], {}, METRIC_TABLE)
    assert "LPIPS (AlexNet) ↓" in markup
    assert "LPIPS (SqueezeNet)" not in markup
    assert "LPIPS" not in table([row()], {}, METRIC_TABLE)


def test_people_cannot_inject_markup_into_columns():
    evil = "<img src=x onerror=alert(1)>"
    said = columns.unanswered(evil, evil, "failed", evil) + columns.question("data:", evil, "here")
    said += table([row(oracle_label=evil, oracle_agrees=True)], {"rcsb": evil}, METRIC_TABLE)
    said += columns.answered(evil, evil, "data:", "data:", row(label=evil))
    assert "<img src=x" not in said


def test_a_closed_page_takes_its_comparisons_along(comparisons, quick):
    comparison = carry_out(comparisons, quick)
    comparisons.archive(comparison)
    assert list(comparisons.results.iterdir())
    comparisons.leave("me")
    assert list(comparisons.results.iterdir()) == []
    with pytest.raises(NotFound, match="run it again"):
        comparisons.archive(comparison)
    assert list(comparisons.results.iterdir()) == []


@pytest.mark.slow
def test_the_papers_methods_come_first(tiny):
    choices = form.method_choices(service.about(tiny)["methods"])
    kinds = [service.about(tiny)["methods"][name]["kind"] for _, name in choices]
    assert kinds == sorted(kinds, key=["method", "variant", "baseline"].index)
    for (label, _), kind in zip(choices, kinds, strict=True):
        assert (kind in label) == (kind != "method")


def test_comparisons_start_empty(ask):
    comparison = Comparison("me", [ask("rcsb")])
    assert comparison.rows()[0]["status"] == "not_started"
    assert comparison.answered == []


def test_the_spread_of_a_methods_seeds():
    rows = [
        row(method="rcsb", l1=1.0, oracle_agrees=True, oracle_label="9"),
        row(method="place", l1=9.0),
        row(method="rcsb", l1=3.0, oracle_agrees=False, oracle_label="4"),
        row(method="rcsb", l1=8.0, status="cancelled"),
    ]
    (told,) = spreads(rows)
    assert (told["method"], told["answers"], told["flipped"]) == ("rcsb", 2, 2)
    assert told["oracle_agrees"] == 1
    assert told["numbers"]["l1"] == {"mean": 2.0, "deviation": pytest.approx(2**0.5)}
    assert "ssim" not in told["numbers"], "nobody knows it"
    markup = table(rows, {"rcsb": "RCSB"}, METRIC_TABLE, [told], {"place"})
    foot = markup[markup.index("<tfoot>") :]
    for text in ("RCSB, mean ± SD", "2 seeds", "2 of 2", "1 of 2 agree", "2.0 ± 1.4"):
        assert text in foot
    assert ">any<" in markup, "the seed of a method that draws nothing"


def test_what_the_oracle_disputes_is_marked_and_never_best():
    doubted = row(l1=1.0, oracle_label="4", oracle_agrees=False)
    rows = [doubted, row(l1=5.0, oracle_label="9", oracle_agrees=True), row(l1=3.0)]
    markup = table(rows, {}, METRIC_TABLE)
    assert "★ 3.0</strong>" in markup
    assert "★ 1.0" not in markup
    assert "✓ yes, the oracle disagrees" in markup
    shown = columns.answered("RCSB", "seed 0", "data:", "data:", doubted)
    assert "✓ flipped, but the oracle disagrees" in shown
    assert "doubtful" in shown
    assert badge(rows[1]) == ("flipped", "✓ flipped")


def test_a_number_that_is_best_in_the_middle_has_no_star_and_no_arrow():
    rows = [row(log_density_percentile=50.0), row(log_density_percentile=100.0)]
    markup = table(rows, {}, METRIC_TABLE)
    assert "<strong" not in markup
    assert ">Density percentile</button>" in markup


AGREES = {"oracle_label": "9", "oracle_agrees": True}
DISAGREES = {"oracle_label": "4", "oracle_agrees": False}
FAILED = {"status": "failed", "flipped": None}
NOT = {"status": "not_flipped", "flipped": False}
SUMMARIES = [
    ([{}], "success", "The run made the model say “9”."),
    ([NOT], "warning", "The run did not make the model say “9”."),
    ([AGREES], "success", "The run made the model say “9”; the oracle agrees."),
    ([DISAGREES], "warning", "The run made the model say “9”; the oracle disagrees."),
    ([AGREES, NOT], "success", "1 of 2 runs made the model say “9”; the oracle agrees."),
    ([AGREES, AGREES], "success", ("2 of 2 runs made the model say “9”; the oracle agrees with all "
     "of them.")),
    ([DISAGREES, DISAGREES], "warning", ("2 of 2 runs made the model say “9”; the oracle disagrees "
     "with all of them.")),
    ([AGREES, DISAGREES], "success", ("2 of 2 runs made the model say “9”; the oracle agrees with "
     "1 of them.")),
    ([{}, FAILED], "success", "1 of 2 runs made the model say “9”. 1 ended without an answer."),
    ([NOT, {"status": "cancelled"}], "warning", ("0 of 2 runs made the model say “9”. 1 stopped "
     "before the end, with the last frame as answer.")),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "kind", "text"), SUMMARIES)
def test_the_sentence_at_the_end_is_true(changes, kind, text):
    markup = columns.summary([row(**change) for change in changes], "9")
    assert f">{text}</p>" in markup
    assert f'"status {kind}"' in markup


def test_what_is_not_done_as_asked_is_told():
    assert columns.note([], []) == ""
    assert "PLACE draws nothing" in columns.note(["PLACE"], [])
    assert "one column for each of them" in columns.note(["PLACE", "LeapFactual"], [])
    assert "Left out, since this model cannot be explained by: RCSB." in columns.note([], ["RCSB"])
