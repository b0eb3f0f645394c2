"""A region as people write it: read, written back, described."""

import pytest

from backends.errors import BadInput
from backends.regions import spec as specs
from backends.regions.spec import RegionSpec

WRITTEN = {
    "whole": specs.Whole(),
    "auto": specs.Auto(),
    "auto:area=0.2,cell=4,attribution=saliency": specs.Auto(
        (("area", "0.2"), ("cell", "4"), ("attribution", "saliency"))
    ),
    "box:1,2,9,14": specs.Box((1, 2, 9, 14)),
    "sam:1,2,9,14": specs.BoxPrompt((1, 2, 9, 14)),
    "freeform:10-20": specs.FreeForm(10, 20),
    "freeform:5-99;seed=7": specs.FreeForm(5, 99, 7),
    "text:cat": specs.Words("cat"),
    "text:the cat, a dog;threshold=0.25;most=3": specs.Words(
        "the cat, a dog", (("threshold", "0.25"), ("most", "3"))
    ),
    "points:+10,20;-5,5.5;choice=3": specs.Clicks(((10, 20), (5, 5.5)), (1, 0), 3),
    "points:+1234567.25,0": specs.Clicks(((1234567.25, 0),), (1,)),
    "mask:a folder/of, masks: my.png": specs.MaskFile("a folder/of, masks: my.png"),
    "painted": specs.Given(),
    "painted and text:hair": specs.Mixed(specs.Given(), "and", specs.Words("hair")),
    "painted but not points:+1,2": specs.Mixed(
        specs.Given(), "but not", specs.Clicks(((1, 2),), (1,))
    ),
    "polygon:0,0;9.5,0;9.5,12": specs.Polygon(((0, 0), (9.5, 0), (9.5, 12))),
    "box:1,2,9,14 but only text:hair": specs.Mixed(
        specs.Box((1, 2, 9, 14)), "but only", specs.Words("hair")
    ),
    "text:cat and dog and painted (grown by 3) but not box:1,2,9,14 (edited)": specs.Edited(
        specs.Mixed(
            specs.Resized(specs.Mixed(specs.Words("cat and dog"), "and", specs.Given()), 3),
            "but not",
            specs.Box((1, 2, 9, 14)),
        )
    ),
    "whole (shrunk by 12)": specs.Resized(specs.Whole(), -12),
    "painted (inverted) and auto but only whole (inverted)": specs.Inverted(
        specs.Mixed(
            specs.Mixed(specs.Inverted(specs.Given()), "and", specs.Auto()),
            "but only",
            specs.Whole(),
        )
    ),
    "whole but not text:a, b;most=2": specs.Mixed(
        specs.Whole(), "but not", specs.Words("a, b", (("most", "2"),))
    ),
}


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_written_is_read_and_written_back(text):
    spec = RegionSpec.parse(text)
    assert spec == WRITTEN[text]
    assert type(spec) is type(WRITTEN[text])
    assert str(spec) == text
    assert RegionSpec.parse(str(spec)) == spec
    assert RegionSpec.parse(text, given=True) == spec
    assert {spec: 1}[WRITTEN[text]] == 1


@pytest.mark.parametrize(
    ("loose", "text"),
    [
        (" whole ", "whole"), ("auto : area = 0.2 , cell=4,", "auto:area=0.2,cell=4"),
        ("auto:area=0.2,area=0.4", "auto:area=0.4"), ("box: 1, 2 ,9,14 ", "box:1,2,9,14"),
        ("box:01,2,9,14", "box:1,2,9,14"),
        ("text: cat ; threshold = 0.2", "text:cat;threshold=0.2"),
        ("points:10,20; -5.0,5.50;;choice = 2", "points:+10,20;-5,5.5;choice=2"),
        ("mask: my.png ", "mask:my.png"), ("auto:", "auto"), ("whole:", "whole"),
    ],
)  # fmt: skip
def test_loose_writing_becomes_canonical(loose, text):
    assert str(RegionSpec.parse(loose)) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not known"), ("cat", "not known"), ("bxo:1,2,3,4", "not known"),
        ("Whole", "not known"),
        ("polygon:1,2", "three corners"), ("polygon:1,2;3,4", "three corners"),
        ("polygon:1,2;3,4;5", "corner '5'"), (":1", "not known"),
        ("whole:x", "no option"), ("whole,auto", "not known"),
        ("auto:area", "no setting"), ("auto:=0.2", "no setting"), ("auto:area=", "no setting"),
        ("box", "write box:X0"), ("box:", "write box:X0"),
        ("box:1,2,3", "X0,Y0,X1,Y1"), ("box:a,b,c,d", "X0,Y0,X1,Y1"),
        ("box:1,2,3,4.5", "whole pixels"),
        ("box:5,5,2,9", "empty"), ("box:5,5,9,5", "empty"), ("box:-1,0,3,4", "whole pixels"),
        ("sam:3,3,3,4", "empty"), ("text", "text:WORDS"), ("text: ,", "no word"),
        ("text:;threshold=0.2", "no word"), ("text:cat;dog", "no setting"),
        ("points", "points:+X,Y"), ("points:10", "not understood"),
        ("points:+a,b", "not understood"),
        ("points:+1,2,3", "not understood"), ("points:+1,2;choice=0", "not understood"),
        ("points:-3,3", "what shall change"), ("points:choice=1", "what shall change"),
        ("points:+٣,3", "not understood"), ("mask:", "mask:FILE"), ("mask", "mask:FILE"),
        ("whole" + " (inverted)" * 999, "at most"), ("painted and", "not known"),
        ("whole but not cat", "not known"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(text, says):
    with pytest.raises(BadInput) as error:
        RegionSpec.parse(text)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("whole", "anywhere in the picture"), ("auto:area=0.2", "where the model looks"),
        ("box:1,2,9,14", "in the box from 1,2 to 9,14"), ("text:cat, dog", "in “cat, dog”"),
        ("text:cat;threshold=0.2", "in “cat”"), ("points:+1,2", "in what was clicked"),
        ("sam:1,2,9,14", "in the thing in the box from 1,2 to 9,14"),
        ("mask:/home/me/my.png", "in the mask “my.png”"), ("painted", "in the painted region"),
        ("polygon:1,2;3,4;5,0", "in the polygon of 3 corners"),
        ("auto but only text:hair", "where the model looks but only in “hair”"),
        ("text:hair and auto (grown by 1)",
         "in “hair” and where the model looks, then grown by 1 pixel"),
        ("painted (shrunk by 2)", "in the painted region, then shrunk by 2 pixels"),
        ("text:hair (inverted)", "in “hair”, then inverted"),
        ("text:hair (edited)", "in “hair”, then edited by hand"),
        ("painted and text:hair", "in the painted region and in “hair”"),
        ("whole but not text:hair", "anywhere in the picture but not in “hair”"),
    ],
)  # fmt: skip
def test_a_region_is_described(text, phrase):
    assert RegionSpec.parse(text).describe() == phrase


@pytest.mark.parametrize(
    "name", ["mine", "box:1", "text:", "points:+1,2;-3", "auto:area", "x" * 300]
)
def test_a_given_mask_may_have_any_name(name):
    spec = RegionSpec.parse(name, given=True)
    assert isinstance(spec, specs.Given)
    assert str(spec) == name
    assert name[:40] in spec.describe()
    assert len(spec.describe()) < 90


@pytest.mark.parametrize("story", ["points:+1.0,2", "text: cat", "box:01,2,3,4", " whole"])
def test_how_a_given_mask_was_made_is_never_rewritten(story):
    assert str(RegionSpec.parse(story, given=True)) == story


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("whole,auto", ["whole", "auto"]),
        ("auto:area=0.2,cell=4,box:1,2,9,14, whole",
         ["auto:area=0.2,cell=4", "box:1,2,9,14", "whole"]),
        ("text:cat, dog,auto", ["text:cat, dog", "auto"]),
        ("text:the whole dog, cat;most=2,points:+1,2;-3,4,sam:1,2,3,4",
         ["text:the whole dog, cat;most=2", "points:+1,2;-3,4", "sam:1,2,3,4"]),
        ("mask:a, b.png,mask:c.png", ["mask:a, b.png", "mask:c.png"]),
        ("whole, whole,auto,whole", ["whole", "auto"]),
        ("mask:boxes,whole.png,whole", ["mask:boxes,whole.png", "whole"]),
    ],
)  # fmt: skip
def test_lists_are_divided_where_a_region_begins(text, expected):
    assert [str(spec) for spec in RegionSpec.split(text)] == expected


def test_a_region_knows_its_parts():
    spec = RegionSpec.parse("mask:a.png (inverted) and box:0,0,1,1 but not mask:b.png (edited)")
    assert [str(part) for part in spec.parts()] == ["mask:a.png", "box:0,0,1,1", "mask:b.png"]


@pytest.mark.parametrize("text", ["", ",", "whole,", "whole,,auto", "whole,cat", "auto:area=0.2,4"])
def test_a_list_with_something_else_is_refused(text):
    with pytest.raises(BadInput):
        RegionSpec.split(text)


def test_help_and_errors_show_every_kind():
    for name, kind in RegionSpec.kinds.items():
        assert kind.form in RegionSpec.forms()
        assert kind.form.startswith(name)
