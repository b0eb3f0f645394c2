"""Several values of a setting: how they are written, and which are suggested."""

import time

import pytest

from backends import service
from backends.errors import BadInput
from studio.runs.comparison import MOST
from studio.runs.variants import LONGEST, SWEPT, suggestions, variants_in, words_in
from studio.ui.shared.form import fits


def test_settings_make_a_row_for_each_of_their_combinations():
    methods = ["rcsb", "leapfactual"]
    assert variants_in([], methods) == {}
    assert variants_in(["rcsb.steps=50, 100", "rcsb.strength=0.5,0.7"], methods) == {
        "rcsb": [
            {"steps": "50", "strength": "0.5"}, {"steps": "50", "strength": "0.7"},
            {"steps": "100", "strength": "0.5"}, {"steps": "100", "strength": "0.7"},
        ]
    }  # fmt: skip
    assert variants_in(["steps=5"], methods) == {"rcsb": [{"steps": "5"}]}
    for word in ("steps", "rcsb.steps=", "rcsb.steps=1,,2", "place.rate=1", "moon=1"):
        with pytest.raises(BadInput):
            variants_in([word], methods)


def test_a_prompt_keeps_its_commas():
    assert variants_in(["ldce_txt.prompt=a smile, wide"], ["ldce_txt"]) == {
        "ldce_txt": [{"prompt": "a smile, wide"}]
    }


@pytest.mark.parametrize("text", [
    "rcsb.steps=50, 100 rcsb.scale=1,2", "rcsb.steps=50, 100\nrcsb.scale=1,2",
    " rcsb.steps=50, 100;rcsb.scale=1,2\n\n",
])  # fmt: skip
def test_words_stand_on_lines_or_between_blanks(text):
    assert words_in(text) == ["rcsb.steps=50, 100", "rcsb.scale=1,2"]
    assert words_in(" \n") == []


def test_blanks_within_a_word_stay():
    assert words_in("ldce_txt.prompt=a  smile, wide seed = 3") == [
        "ldce_txt.prompt=a  smile, wide", "seed = 3",
    ]  # fmt: skip
    assert words_in("moon rcsb.steps=5") == ["moon", "rcsb.steps=5"]
    assert words_in("a=b=c") == ["a=b=c"]


@pytest.mark.parametrize("text", ["a" + " " * 100_000 + "b", "a" * 100_000, "a=1," * 30_000])
def test_a_long_text_is_refused_at_once(text):
    before = time.process_time()
    with pytest.raises(BadInput, match=f"at most {LONGEST}"):
        words_in(text)
    assert time.process_time() - before < 1


@pytest.mark.parametrize("text", ["a" + " " * (LONGEST - 2) + "b", "a " * (LONGEST // 2)])
def test_the_longest_text_is_read_in_no_time(text):
    before = time.process_time()
    assert words_in(text) == [text.strip()]
    assert time.process_time() - before < 0.1


def test_combinations_are_counted_before_they_are_made():
    before = time.process_time()
    keys = ("blending_leaps", "leaps", "leap_length", "steps", "a", "b", "c", "d", "e", "f")
    words = [f"leapfactual.{key}=1,2,3,4,5,6,7,8" for key in keys]
    with pytest.raises(BadInput, match=f"{8**10} combinations of settings, and at most {MOST}"):
        variants_in(words, ["leapfactual"])
    assert time.process_time() - before < 5, "loading the methods, and no more"


@pytest.mark.slow
def test_every_suggested_value_is_one_that_the_method_takes(tiny):
    for name, entry in service.about(tiny)["methods"].items():
        if "schema" not in entry:
            continue
        for key, one in suggestions(entry["schema"]).items():
            field = entry["schema"]["properties"][key]
            assert len(one.values) > 1, (name, key)
            assert one.default in one.values, (name, key)
            assert all(fits(field, value) for value in one.values), (name, key)
            for value in one.values:
                assert service.typed_settings(tiny, name, {key: str(value)}) == {key: value}


def test_a_preset_is_asked_of_the_methods_that_have_some():
    assert variants_in(["preset=A"], ["rcsb", "adversarial"]) == {"rcsb": [{"preset": "A"}]}
    with pytest.raises(BadInput, match="no chosen method has the setting 'preset'"):
        variants_in(["preset=A"], ["adversarial"])


def test_a_value_given_twice_counts_once():
    rows = [{"steps": "5"}, {"steps": "6"}]
    assert variants_in(["steps=5,5", "steps=6,5"], ["rcsb"]) == {"rcsb": rows}


def test_an_evaluation_asks_more_combinations_than_a_comparison():
    words = ["rcsb.steps=" + ",".join(map(str, range(1, 61)))]
    with pytest.raises(BadInput, match="60 combinations"):
        variants_in(words, ["rcsb"])
    assert len(variants_in(words, ["rcsb"], SWEPT)["rcsb"]) == 60
