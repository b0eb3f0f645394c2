"""Markup and controls: what is said is what is recorded; nothing typed by people is trusted."""

from dataclasses import asdict, replace

import gradio as gr
import numpy as np
import pytest

from backends import registry
from backends.core import Answer
from backends.errors import BadInput
from backends.metrics import METRICS
from backends.regions.settings import AutoRegion
from backends.service.advice import Advised
from backends.service.neighbours import Nearest, Neighbour
from studio import export
from studio.ui.shared import advice, answer_markup, canvas, form, markup, shortcuts

METRIC_TABLE = {name: asdict(metric) for name, metric in METRICS.items()}


def record(**changes):
    return {
        "target": "9", "status": "flipped", "flipped": True, "step": 7, "steps": 20, "seed": 0,
        "seconds": 1.5,
        "factual": {"label": "4", "probabilities": {"4": 0.9, "9": 0.1}},
        "counterfactual": {"label": "9", "probabilities": {"9": 0.8, "4": 0.2}},
        "oracle": {"label": "9", "agrees": True, "target_probability": 0.7},
        "region": {"source": "whole", "area": 1.0},
        "nfe": {"bridge": {"forward": 9, "backward": 8}},
        "metrics": {"changed_area": 0.1, "change_outside": 0.0, "l1": 3.0, "l2": 1.0, "cout": 0.5,
                    "change_inside": 0.9},
    } | changes  # fmt: skip


def test_the_answer_is_told_honestly():
    assert "Flipped" in answer_markup.answer_line(record())
    assert "agrees" in answer_markup.answer_line(record())
    no = {"label": "4", "agrees": False, "target_probability": 0.1}
    assert "disagrees" in answer_markup.answer_line(record(oracle=no))
    stopped = answer_markup.answer_line(record(status="cancelled"))
    assert "Stopped at step 7 of 20" in stopped
    assert "Flipped" not in stopped


@pytest.mark.parametrize(
    ("status", "after", "oracle", "told"),
    [
        ("flipped", "9", "9", ["said “4”, now it says “9”", "agrees: it says “9”"]),
        ("flipped", "9", "4", ["now it says “9”", "disagrees: it says “4”"]),
        ("not_flipped", "4", "4", ["still says “4”", "agrees: it says “4”"]),
        ("not_flipped", "4", "9", ["still says “4”", "disagrees: it says “9”"]),
        ("not_flipped", "5", "5", ["now says “5”, not “9”", "agrees: it says “5”"]),
        ("not_flipped", "5", "9", ["now says “5”, not “9”", "disagrees: it says “9”"]),
        ("cancelled", "5", "5", ["The model says “5”", "agrees: it says “5”"]),
        ("cancelled", "9", "4", ["The model says “9”", "disagrees: it says “4”"]),
    ],
)
def test_every_sentence_is_true(status, after, oracle, told):
    said = {"label": after, "probabilities": {after: 0.8} | {"9": 0.8 if after == "9" else 0.1}}
    judge = {"label": oracle, "agrees": oracle == "9", "target_probability": 0.5}
    line = answer_markup.answer_line(record(status=status, counterfactual=said, oracle=judge))
    for sentence in told:
        assert sentence in line
    assert ("still" in line) == (status == "not_flipped" and after == "4")


def test_every_number_shown_is_named_written_and_explained_by_the_metric():
    shown = [metric for metric in METRICS.values() if metric.page is not None]
    for metric in shown:
        assert metric.meaning
        assert metric.good.endswith("."), metric.name
        assert metric.bad.endswith("."), metric.name
    table = answer_markup.metrics_table(record(), METRIC_TABLE)
    assert "<th>Changed area</th><td>10.0%</td><td>share of pixels" in table
    assert "<th>COUT</th><td>+0.50</td>" in table
    assert "SSIM" not in table, "it was not measured"


def test_each_number_says_what_is_good_and_bad():
    table = answer_markup.metrics_table(record(), METRIC_TABLE)
    assert "Good: Near 1: a few of the most changed pixels already carry the flip" in table
    assert table.count("Good or bad?") == len(record()["metrics"]) + 1, "and the oracle"


def test_facts_come_with_a_word_and_warnings_with_a_reason():
    judged = {"label": "4", "agrees": False, "target_probability": 0.1}
    told = advice.answer_facts(record(oracle=judged))
    assert told.count('<details class="fact') == 4
    assert '<span class="judged">bad</span>' in told
    assert "The oracle says “4”, not “9”." in told
    assert "risks" not in advice.answer_facts(record())


@pytest.mark.parametrize("pane", advice.LOOKING_AT)
def test_every_pane_says_what_it_shows(pane):
    assert "What am I looking at?" in advice.looking_at(pane)
    if pane == "before_after":
        assert advice.looking_at(pane) in answer_markup.before_after("data:a", "data:b")
    else:
        figures = {"absolute": "data:a", "signed": "data:s"} | {pane: "data:p"}
        assert advice.looking_at(pane) in answer_markup.differences(**figures)


def test_time_is_told_only_where_it_is_known():
    one = Advised("place", "PLACE", "It fits.", "Strong.", "Slow.")
    assert "Lately" not in advice.methods([one])
    assert "Lately 2.5 s here." in advice.methods([replace(one, seconds=2.5)])
    assert "Lately 3 min here." in advice.methods([replace(one, seconds=170.0)])
    folded = advice.methods([one] * 5)
    assert "2 more" in folded
    assert folded.count("<li>") == 5


def test_nearest_pictures_say_where_they_are_from():
    picture = np.zeros((8, 8, 1), np.uint8)
    found = Nearest("9", (Neighbour(picture, 1.234),), "the oracle’s features", 1.5)
    told = advice.nearest(found)
    assert 'alt="distance 1.23"' in told
    assert "usually 1.50 apart" in told
    assert "usually" not in advice.nearest(replace(found, usual=None))


def test_people_cannot_inject_markup():
    evil = "<img src=x onerror=alert(1)>"
    assert "<img" not in markup.failure(evil)
    assert "<img" not in markup.curve([(1, 0.5)], 3, evil)
    assert "<img" not in markup.progress_line(1, 2, evil, 1.0, 0.5, evil)
    labelled = {"label": evil, "probabilities": {evil: 1.0, "9": 0.0}}
    assert "<img" not in answer_markup.metrics_table(record(factual=labelled), METRIC_TABLE)
    assert "<img" not in answer_markup.answer_line(record(factual=labelled))


def test_curve_has_a_point_for_every_step():
    svg = markup.curve([(1, 0.1), (10, 0.5), (20, 0.9)], 20, "9")
    points = [point.split(",") for point in svg.split('points="')[1].split('"')[0].split()]
    assert [float(x) for x, _ in points] == [34, 213.1, 412], "at their steps, not their numbers"
    assert "90.0%" in svg


@pytest.mark.parametrize(
    "config", [AutoRegion, *(registry.method(m).Config for m in registry.METHODS)]
)
def test_controls_carry_the_schema(config):
    schema = config.model_json_schema()
    made = form.controls(schema)
    assert list(made) == list(config.model_fields)
    for name, component in made.items():
        assert component.label == schema["properties"][name]["title"]
        assert component.interactive is True
        assert component.value == getattr(config(), name)
    defaults = {name: component.value for name, component in made.items()}
    assert config.model_validate(defaults) == config()


def test_slider_bounds_are_inside_the_schema():
    slider = form.control(
        "t", {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 1}
    )
    assert isinstance(slider, gr.Slider)
    assert slider.minimum > 0


@pytest.mark.parametrize(
    ("low", "high", "default", "step"),
    [(0, 1, 5e-4, 1e-5), (0, 1, 0.05, 1e-3), (0, 0.9999, 0.99, 1e-4), (0, 20, 2.3, 0.1),
     (0, 20, 3.95, 0.01), (0, 1, 1.0, 0.01), (0, 20, 0.3, 0.01)],
)  # fmt: skip
def test_a_slider_can_stand_at_its_default_and_move_a_little(low, high, default, step):
    field = {"type": "number", "minimum": low, "maximum": high, "default": default}
    assert form.control("t", field).step == pytest.approx(step)


@pytest.mark.parametrize("name", registry.METHODS)
def test_defaults_and_ends_lie_on_the_sliders(name):
    config = registry.method(name).Config
    for key, slider in form.controls(config.model_json_schema()).items():
        if isinstance(slider, gr.Slider):
            for value in (slider.value, slider.maximum):
                steps = (value - slider.minimum) / slider.step
                assert steps == pytest.approx(round(steps), abs=1e-6), key
                config.model_validate({key: value})


def entry(name, kind, paper=None, problem=None):
    return {"title": name.upper(), "kind": kind, "paper": paper or name, "problem": problem}


def test_variants_and_baselines_fold_but_stay_choices():
    kinds = {"a": "method", "b": "variant", "c": "baseline"}
    methods = {name: entry(name, kind) for name, kind in kinds.items()}
    with gr.Blocks() as page:
        choices = form.method_choices(methods)
        form.Fold("method", methods)
    assert choices == [("A", "a"), ("B (variant)", "b"), ("C (baseline)", "c")]
    (rules,) = [block.value for block in page.blocks.values() if isinstance(block, gr.HTML)]
    assert 'value="b"' in rules
    assert 'value="a"' not in rules


def test_a_variant_stands_in_for_its_papers_own_method():
    methods = {
        "own": entry("own", "method", "paper"), "other": entry("other", "method"),
        "variant": entry("variant", "variant", "paper"),
        "baseline": entry("baseline", "baseline", "paper"),
    }  # fmt: skip
    assert form.folded(methods) == ["variant", "baseline"]
    methods["own"]["problem"] = "the flow is not here"
    assert form.folded(methods) == ["baseline"]
    methods["other"]["problem"] = methods["variant"]["problem"] = "nor is this"
    assert form.folded(methods) == [], "what is all there is stands open"


def test_importance_is_a_third_heatmap_only_when_asked_for():
    assert answer_markup.differences("data:a", "data:s").count("<figure") == 2
    assert "Which changes mattered" in answer_markup.differences("data:a", "data:s", "data:i")
    rebuilt = answer_markup.differences("data:a", "data:s", reconstruction="data:r")
    assert rebuilt.count("<figure") == 3
    assert "data:r" in rebuilt


def test_data_urls():
    picture = export.as_picture(np.eye(8, dtype=np.uint8) * 255)
    assert canvas.from_data_url(export.data_url(picture))[:4] == b"\x89PNG"
    for bad in ("", "hello", "data:text/html;base64,AAAA", "data:image/png;base64,###"):
        with pytest.raises(BadInput):
            canvas.from_data_url(bad)
    with pytest.raises(BadInput):
        canvas.from_data_url("data:image/png;base64," + "A" * 9_000_000)


def test_heatmaps():
    factual = np.full((4, 4, 1), 100, np.uint8)
    changed = factual.copy()
    changed[0, 0], changed[1, 1] = 255, 0
    answer = Answer(factual, changed, np.full((4, 4), 255, np.uint8), {})
    absolute = np.asarray(export.absolute_difference(answer)).astype(int).sum(-1)
    assert absolute[0, 0] > absolute[1, 1] > absolute[2, 2]
    signed = np.asarray(export.signed_difference(answer)).astype(int)
    assert signed[0, 0, 0] > signed[0, 0, 2], "brighter is red"
    assert signed[1, 1, 2] > signed[1, 1, 0], "darker is blue"
    assert signed[2, 2].sum() < 60, "unchanged is dark"


def test_a_change_of_hue_alone_is_seen():
    factual = np.zeros((4, 4, 3), np.uint8)
    factual[..., 0] = 255  # red
    changed = factual.copy()
    changed[0, 0] = (0, 0, 255)
    changed[1, 1] = (0, 255, 0)
    answer = Answer(factual, changed, np.full((4, 4), 255, np.uint8), {})
    absolute = np.asarray(export.absolute_difference(answer)).astype(int).sum(-1)
    assert absolute[0, 0] == absolute[1, 1] > absolute[2, 2] + 200, "two of three channels"
    signed = np.asarray(export.signed_difference(answer)).astype(int)
    assert signed[0, 0, 2] > signed[0, 0, 0], "blue is darker than red"
    assert signed[1, 1, 0] > signed[1, 1, 2], "green is brighter"
    assert "luminance" in answer_markup.differences("data:a", "data:s")


def test_shortcuts_point_at_elements_and_are_on_the_sheet():
    for key, (selector, text) in shortcuts.SHORTCUTS.items():
        assert f'"{key}": "{selector}"' in shortcuts.script()
        assert text in shortcuts.help_sheet()
