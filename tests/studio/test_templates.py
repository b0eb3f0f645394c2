"""Every macro of every template, given hostile names: they stay text."""

from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from jinja2.exceptions import UndefinedError

from studio.templates import environment, render

EVIL = "<img src=x onerror=alert(1)>\"'"
NONE = SimpleNamespace(value=None, reason=EVIL)
PERSON = SimpleNamespace(
    name=EVIL, votes=1, unsure=0, skipped=0, mean_kappa=NONE, with_consensus=NONE
)
FOUND = SimpleNamespace(version=1, votes=1, items=1, people=[PERSON])
CELL = {"text": EVIL, "value": EVIL, "kind": "head", "best": False}
METRIC = dict.fromkeys(
    ("title", "unit", "arrow", "better", "direction", "meaning", "library"), EVIL
)  # fmt: skip
ROW = {"title": EVIL, "region": EVIL, "problem": EVIL, "cells": []}
MEASURED_ROW = ROW | {"problem": "", "cells": [{"text": EVIL, "number": 1, "title": EVIL}]}
ANSWER = {"question": EVIL, "why": EVIL, "verdict": EVIL, "pictures": [(EVIL, EVIL)]}
EXAMPLE = {"title": EVIL, "region": EVIL, "rebuilt": True, "path": True, "answers": [ANSWER]}
FACT = dict.fromkeys(("title", "value", "sentence", "judgement"), EVIL)
ADVISED = dict.fromkeys(("title", "because", "strengths", "costs", "time"), EVIL)
FETCHED = dict.fromkeys(("parts", "title", "size", "licence", "terms"), EVIL)
HEAD = {"label": EVIL, "first": EVIL, "hint": EVIL, "number": True}
TRAINED = {
    "model": EVIL, "version": 1, "rule": EVIL, "labels": EVIL, "agreement": EVIL, "deleted": True,
    "shared": False,
}  # fmt: skip
GIVEN = {"target": EVIL, "name": EVIL, "state": EVIL, "pictures": [(EVIL, EVIL, EVIL, EVIL, EVIL)]}
KEPT = dict.fromkeys(
    ("id", "question", "method", "particular", "status", "shown", "picture", "verdict", "when"),
    EVIL,
)
SIDE = {"picture": EVIL, "heat": EVIL, "question": EVIL}
LINK = {"made": EVIL, "works": True, "until": EVIL, "joined": EVIL}
BLOCK = SimpleNamespace(
    title=EVIL, subtitle=EVIL, source=EVIL, blocky=True, kind=EVIL, sentences=[EVIL], lines=[EVIL],
    target=EVIL, total=EVIL, groups=[(EVIL, [(EVIL, 0.5)])], widths=[1], heads=[EVIL], numeric=[0],
    rows=[[EVIL, EVIL]], note=EVIL, code=EVIL, text=EVIL, scale=(EVIL, EVIL, EVIL),
)  # fmt: skip

FIELD = {"name": EVIL, "in": EVIL, "description": EVIL, "default": EVIL}
DOCUMENT = {
    "info": {"title": EVIL, "version": EVIL, "summary": EVIL},
    "components": {"schemas": {}},
    "paths": {EVIL: {"post": {
        "description": EVIL, "parameters": [FIELD],
        "requestBody": {"content": {EVIL: {"schema": {"properties": {EVIL: FIELD}}}}},
    }}},
}  # fmt: skip
ARGUMENTS = {
    ("shared.html", "notice"): ("going", EVIL),
    ("shared.html", "progress"): (EVIL, EVIL, 1),
    ("shared.html", "curve"): (EVIL, 3, EVIL, (EVIL, EVIL), EVIL),
    ("shared.html", "loss_curve"): (EVIL, 0.5),
    ("shared.html", "bars"): (EVIL, [(EVIL, 0.5)], EVIL),
    ("shared.html", "top_classes"): ([(EVIL, 0.5)], [(EVIL, 0.5)], EVIL),
    ("shared.html", "metrics"): ([(EVIL, EVIL, EVIL, EVIL)],),
    ("shared.html", "frame"): (EVIL,),
    ("shared.html", "before_after"): (EVIL, EVIL),
    ("shared.html", "alternatives"): (EVIL, [EVIL]),
    ("shared.html", "alternative"): (EVIL, EVIL, EVIL, EVIL),
    ("shared.html", "differences"): ([(EVIL, EVIL, EVIL, EVIL, (EVIL, EVIL, EVIL), EVIL)],),
    ("shared.html", "phrase"): (EVIL,),
    ("shared.html", "heading"): (EVIL,),
    ("shared.html", "skip"): (),
    ("shared.html", "bundle_cards"): ([(EVIL, EVIL, EVIL, EVIL, EVIL)],),
    ("shared.html", "examples"): ([(EVIL, EVIL, EVIL)],),
    ("shared.html", "mistakes"): ([(EVIL, EVIL, EVIL, EVIL, EVIL)], EVIL),
    ("shared.html", "blank"): (EVIL,),
    ("shared.html", "instead"): (EVIL,),
    ("further.html", "grid"): ([GIVEN, GIVEN | {"target": None}], (EVIL, EVIL)),
    ("further.html", "spread"): ([(EVIL, EVIL, EVIL)], EVIL, EVIL),
    ("kept.html", "gallery"): ([KEPT], [KEPT], True, EVIL),
    ("kept.html", "compared"): ([SIDE], [(EVIL, EVIL, EVIL)], EVIL),
    ("take_away.html", "introduction"): (),
    ("take_away.html", "code"): ([{"title": EVIL, "code": EVIL}],),
    ("shortcuts.html", "sheet"): ({EVIL: [(EVIL, EVIL)]},),
    ("region.html", "canvas"): ({".undo": EVIL},),
    **{("widgets.html", name): () for name in ("sketch", "adjust", "asking", "live_path")},
    ("labelling.html", "widget"): (),
    ("labelling.html", "copied"): (EVIL, EVIL),
    ("labelling.html", "person"): (EVIL, True, EVIL, True),
    ("labelling.html", "left"): (EVIL, EVIL),
    ("labelling.html", "invited"): (EVIL, EVIL),
    ("labelling.html", "link"): (EVIL, EVIL),
    ("labelling.html", "links"): ([LINK],),
    ("labelling.html", "guests"): ([(EVIL, EVIL)],),
    ("labelling.html", "examples"): ([(EVIL, [EVIL])],),
    ("document.html", "page"): (BLOCK, [(EVIL, [EVIL])]),
    ("document.html", "verdict"): (BLOCK,),
    ("document.html", "prose"): (BLOCK,),
    ("document.html", "pictures"): ([(EVIL, BLOCK)], 2, True),
    ("document.html", "curve"): (BLOCK, [(1, 2)], (0, 1, 2, 3)),
    ("document.html", "bars"): (BLOCK,),
    ("document.html", "values"): (BLOCK,),
    ("document.html", "snippet"): (BLOCK,),
    ("advice.html", "facts"): ([FACT], {EVIL: EVIL}),
    ("advice.html", "risks"): ([{"sentence": EVIL, "reason": EVIL}],),
    ("advice.html", "looking_at"): (EVIL,),
    ("advice.html", "methods"): ([ADVISED], [ADVISED]),
    ("advice.html", "nearest"): (EVIL, [(EVIL, EVIL)], EVIL),
    ("shared.html", "to_fetch"): (EVIL, [FETCHED]),
    ("compare.html", "question"): (EVIL, EVIL, EVIL),
    ("compare.html", "factual"): (EVIL, [EVIL], EVIL),
    ("compare.html", "column"): (
        EVIL, 0, EVIL, EVIL, [(EVIL, EVIL)], [EVIL], [(EVIL, EVIL, [EVIL])], True,
        EVIL, EVIL,
    ),
    ("compare.html", "table"): (
        [HEAD], [[CELL, CELL | {"kind": "number", "best": True}]], [[CELL]],
    ),
    ("label.html", "figure"): (NONE,),
    ("label.html", "agreement"): (FOUND, [(EVIL, NONE)], EVIL),
    ("label.html", "confusion"): (EVIL, EVIL, NONE, [EVIL], [(EVIL, [1])], 1),
    ("label.html", "disputed"): (EVIL, EVIL, 1),
    ("label.html", "history"): ([TRAINED],),
    ("explanation.html", "explanation"): (EVIL, EVIL, [(EVIL, EVIL)]),
    ("api.html", "page"): (DOCUMENT,),
    ("api.html", "fields"): (DOCUMENT, DOCUMENT["paths"][EVIL]["post"]),
    ("domain.html", "look"): (EVIL, [(EVIL, EVIL, EVIL)], EVIL),
    ("domain.html", "sentences"): (EVIL, [EVIL], 1),
    ("domain.html", "counts"): ([(EVIL, EVIL, EVIL)],),
    ("domain.html", "loss"): (EVIL, EVIL, EVIL, (EVIL, EVIL), EVIL),
    ("domain.html", "rebuilt"): ([(EVIL, EVIL)],),
    ("domain.html", "drawn"): ([(EVIL, EVIL)],),
    ("domain.html", "parts"): ([(EVIL, EVIL, EVIL, EVIL)],),
    ("domain.html", "methods"): ([(EVIL, EVIL, EVIL, EVIL), (EVIL, EVIL, EVIL, "")], EVIL),
    ("own_model.html", "sight"): ([(EVIL, EVIL)], [(EVIL, EVIL)]),
    ("report.html", "page"): (
        EVIL, {"notes": [EVIL], "versions": {EVIL: EVIL}, "parts": {EVIL: EVIL}}, EVIL, [METRIC],
        [ROW, MEASURED_ROW], [EXAMPLE], [(EVIL, {EVIL: EVIL}, {EVIL: EVIL})],
    ),
    ("evaluation.html", "measured"): (
        [EVIL, EVIL, EVIL, EVIL], [[EVIL, EVIL, EVIL], [EVIL, EVIL, EVIL, EVIL]],
    ),
}  # fmt: skip
# Called by the macros above.
WITHIN = {
    ("shared.html", "table"),
    ("advice.html", "method"),
    ("compare.html", "_cell"),
    ("compare.html", "_picture"),
    ("further.html", "_inside"),
    ("document.html", "style"),
    *(("region.html", name) for name in ("icon", "keyed", "tool", "join", "act")),
    ("label.html", "table"),
}


# What our own buttons and sliders do, which no value is part of.
OWN = {
    "this.parentNode.style.setProperty('--cut', this.value + '%')",
    "this.closest('.pair').style.setProperty('--cut', this.value + '%')",
    "this.select()",
    (
        "this.previousElementSibling.select(); document.execCommand('copy'); "
        "this.textContent = this.dataset.copied"
    ),
}


class Parsed(HTMLParser):
    """The pictures' sources, and every handler but our own."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.handlers, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if tag == "img" and name == "src"]
        self.handlers += [v for name, v in attrs if name[:2] == "on" and v not in OWN]

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(("file", "macro"), ARGUMENTS)
def test_hostile_names_stay_text(file, macro):
    text = render(file, macro, *ARGUMENTS[file, macro])
    assert "<img src=x" not in text
    parsed = Parsed(text)
    assert parsed.handlers == []
    assert set(parsed.sources) <= {EVIL}, "no attribute ends early"


def test_every_macro_is_tried():
    macros = {
        (file, name)
        for file in environment.list_templates(["html"])
        for name in vars(environment.get_template(file).module)
        if callable(getattr(environment.get_template(file).module, name))
    }
    assert macros - WITHIN - {(f, n) for f, n in macros if n == "_body_stream"} == set(ARGUMENTS)


def test_a_value_that_is_missing_is_an_error_not_a_gap():
    with pytest.raises(UndefinedError):
        render("shared.html", "to_fetch", "x", [{}])
