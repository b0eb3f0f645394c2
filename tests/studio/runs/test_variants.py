"""Several values of a setting: how they are written, and which are suggested."""

import pytest

from backends import service
from backends.errors import BadInput
from studio.runs.variants import suggestions, variants_in, words_in
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
