"""The same question several times: other seeds, other values of a setting, other targets."""

import pytest

from backends import service
from backends.errors import BadInput
from studio.runs.variations import MOST, by_seed, by_setting, by_target, ranges


@pytest.fixture
def schemas(tiny):
    methods = service.about(tiny)["methods"]
    return {name: entry["schema"] for name, entry in methods.items() if "schema" in entry}


def test_seeds_go_on_from_the_questions_own(ask):
    named = by_seed(ask("rcsb", seed=7, settings={"steps": 3}), 3)
    assert [name for name, _ in named] == ["seed 7", "seed 8", "seed 9"]
    assert [one.seed for _, one in named] == [7, 8, 9]
    assert all(one.settings == {"steps": 3} for _, one in named)


@pytest.mark.parametrize("count", [0, 1, MOST + 1])
def test_the_number_of_answers_has_bounds(ask, count):
    with pytest.raises(BadInput, match=f"2 to {MOST}"):
        by_seed(ask("rcsb"), count)


def test_a_setting_is_varied_evenly_and_the_others_stay(ask, schemas):
    of = ranges(schemas["leapfactual"])["blending_size"]
    asked = ask("leapfactual", settings={"injection_leaps": 2})
    named = by_setting(asked, "blending_size", of, 0.1, 0.3, 3)
    values = [one.settings["blending_size"] for _, one in named]
    assert values == pytest.approx([0.1, 0.2, 0.3])
    assert all(one.settings["injection_leaps"] == 2 for _, one in named)
    assert named[0][0] == "Blending step size 0.1"


def test_whole_numbers_are_asked_once_each(ask, schemas):
    of = ranges(schemas["leapfactual"])["injection_leaps"]
    named = by_setting(ask("leapfactual"), "injection_leaps", of, 1, 3, 8)
    assert [one.settings["injection_leaps"] for _, one in named] == [1, 2, 3]


def test_a_range_without_a_width_is_refused(ask, schemas):
    of = ranges(schemas["leapfactual"])["blending_size"]
    with pytest.raises(BadInput, match="smaller than"):
        by_setting(ask("leapfactual"), "blending_size", of, 0.3, 0.3, 3)


def test_every_method_has_a_setting_to_vary_within_its_bounds(schemas):
    for name, schema in schemas.items():
        found = ranges(schema)
        assert found, name
        assert [of.whole for of in found.values()] == sorted(of.whole for of in found.values())
        for key, of in found.items():
            field = schema["properties"][key]
            assert field.get("minimum", of.low) <= of.low < of.high
            assert of.high <= field.get("maximum", of.high)


def test_what_is_varied_is_understood_by_the_methods_themselves(ask, schemas, tiny):
    for name in ("leapfactual", "place", "rcsb"):
        for key, of in ranges(schemas[name]).items():
            for _, one in by_setting(ask(name), key, of, of.low, of.high, 2):
                service.explanations.resolve(one)  # refuses a wrong setting


def test_one_question_a_target(ask):
    assert [(n, r.target) for n, r in by_target(ask("rcsb"), ["a", "c"])] == [
        ("a", "a"),
        ("c", "c"),
    ]
