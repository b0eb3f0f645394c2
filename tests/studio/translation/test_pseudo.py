"""Every text of the page comes from the catalogue: in a language that puts each of its texts into
brackets, nothing visible stands outside of them."""

import re
from dataclasses import asdict
from html.parser import HTMLParser

import pytest

from backends.errors import BadInput
from backends.metrics import METRICS
from backends.regions.spec import RegionSpec
from backends.service.advice import Situation, ranked
from studio.templates import render
from studio.translation import _, catalogues, speaking
from studio.ui.page import build
from studio.ui.shared import answer_markup
from studio.ui.shared.advice import answer_facts
from tests.studio.test_templates import ARGUMENTS, EVIL
from tests.studio.ui.shared.test_markup import record

VISIBLE = ("label", "info", "placeholder", "button_label")
ATTRIBUTES = ("aria-label", "title", "alt", "placeholder")
INLINE = {"strong", "em"}  # within a text
UNSEEN = {"STYLE", "SCRIPT", "CODE", "KBD", "SVG"}
# What is no text of the page: names of methods and of files, and what is typed as it is.
NAMES = {
    "classifier",
    "rcsb.steps=50,100",
    "LeapFactual",
    "PLACE",
    "owner/name",
    "torchvision:resnet50",
    "csv",
    "jsonl",
    "label-studio",
    "datasets",
    "openai/clip-vit-base-patch32",
    "suggestions:0.9",
    "suggestions:0.5",
    "${value}",
    "Enter",
    "Esc",
    "Delete",
    "Ctrl",
    "Shift",
}


class Pseudo:
    """A language in which every text is bracketed."""

    def gettext(self, text):
        return f"⟦{text}⟧"

    def pgettext(self, context, text):
        return self.gettext(text)

    def ngettext(self, one, many, number):
        return f"⟦{one if number == 1 else many}⟧"


class Texts(HTMLParser):
    """What a person reads, or hears, of markup."""

    def __init__(self, markup):
        super().__init__()
        self.found, self._within, self._goes_on = [], [], False
        self.feed(str.__str__(markup))

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ATTRIBUTES and value]
        if tag.upper() in UNSEEN:
            self._within.append(tag)
        self._goes_on = tag in INLINE

    def handle_endtag(self, tag):
        if self._within and self._within[-1] == tag:
            self._within.pop()
        self._goes_on = tag in INLINE

    def handle_data(self, data):
        if self._within:
            return
        if self._goes_on and self.found:
            self.found[-1] += data
        else:
            self.found.append(data)


@pytest.fixture
def pseudo(monkeypatch):
    monkeypatch.setattr(catalogues, "translations", lambda name: Pseudo())
    with speaking("pseudo"):
        yield


def outside(text):
    """What of a text stands outside all brackets."""
    before = None
    while before != text:
        before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", "", text)
    return text


def unmarked(text, names):
    rest = outside(text)
    for name in sorted(names, key=len, reverse=True):
        rest = rest.replace(name, "")
    rest = re.sub(r"\d+(st|nd|rd|th)", "", rest)  # gradio's own names of outputs
    return text if re.search(r"[^\W\d_]{2}", rest) else None


def texts_of(component):
    props, kind = component["props"], component["type"]
    yield from (props[name] for name in VISIBLE if isinstance(props.get(name), str))
    for choice in props.get("choices") or []:
        yield str(choice[0])
    value = props.get("value")
    if kind in ("button", "downloadbutton", "uploadbutton", "accordion", "tabitem", "markdown"):
        yield value if isinstance(value, str) else ""
    if kind == "html":
        for markup in (value, props.get("html_template")):
            if isinstance(markup, str):
                yield from Texts(markup).found


def test_the_whole_page_is_bracketed(controller, pseudo):
    about = controller.about
    # Names of parts, packages and licences are the same everywhere.
    fetched = [item for items in controller.to_pull().values() for item in items]
    names = NAMES | {about["name"], controller.bundle, *about["class_names"]} | {
        text for item in fetched
        for text in (*item["parts"], item["title"], item["licence"], item["weights_terms"])
    }  # fmt: skip
    page = build(controller)
    found = {
        (component["type"], component["props"].get("elem_id"), text)
        for component in page.config["components"] for text in texts_of(component)
        if component["props"].get("visible") is not False or component["props"].get("elem_id")
        if unmarked(text, names)
    }  # fmt: skip
    assert not found


ENGLISH = {"document.html", "report.html", "explanation.html", "api.html"}  # files and notebooks


@pytest.mark.parametrize(
    ("file", "macro"), sorted(one for one in ARGUMENTS if one[0] not in ENGLISH)
)
def test_every_template_is_bracketed(file, macro, pseudo):
    found = Texts(render(file, macro, *ARGUMENTS[file, macro])).found
    names = NAMES | {EVIL, "?size=64&mean=0.5&std=0.5&classes=cat,dog"}
    assert [text for text in found if unmarked(text, names)] == []


RECORDS = [
    record(),
    record(status="cancelled"),
    record(status="not_flipped", flipped=False, oracle=None),
    record(oracle={"label": "4", "agrees": False, "target_probability": 0.1}),
    record(oracle={"label": "7", "agrees": False, "target_probability": 0.1}),
    record(region={"source": "auto", "area": 0.4}),
    record(metrics={"changed_area": 0.0, "change_inside": 0.05, "log_density_percentile": 0.5}),
    record(metrics={"changed_area": 0.7, "change_inside": 0.9, "log_density_percentile": 99.5,
                    "reconstruction_l1": 5.0, "l1_from_reconstruction": 2.0}),
    record(metrics={"log_density": 30.0}, oracle=None),
    record(metrics={"value": 3.5, "factual_value": 2.0, "inversion_error": 0.1}),
    record(asked={"label": "7", "answers": [], "agreement": 0.5}),
    record(domain={name: {"unlike": True, "count": 9, "why": "it has less ink than real ones"}
                   for name in ("factual", "counterfactual")}),
]  # fmt: skip


@pytest.mark.parametrize("told", RECORDS)
def test_what_is_said_of_an_answer_is_bracketed(told, pseudo):
    metrics = {name: asdict(metric) for name, metric in METRICS.items()}
    markups = [
        answer_facts(told), answer_markup.answer_line(told),
        answer_markup.metrics_table(told, metrics),
        answer_markup.of_another_question(told | {"method": "PLACE"}),
    ]  # fmt: skip
    names = NAMES | {"bridge", "nats", "P(9)"}
    for written in markups:
        assert [text for text in Texts(written).found if unmarked(text, names)] == []


def test_regions_are_described_in_brackets(pseudo):
    for text in (
        "whole", "auto", "box:1,2,3,4", "text:cat", "points:+1,2", "polygon:1,1;2,2;3,1",
        "auto but not box:1,2,3,4 (grown by 2)", "whole (inverted)", "auto (edited)",
        "painted and text:cat (shrunk by 1)",
    ):  # fmt: skip
        said = _(RegionSpec.parse(text, given=True).describe())
        assert unmarked(said, {"cat"}) is None, said


def test_advice_and_errors_are_bracketed(controller, pseudo):
    methods = controller.methods()
    for wants in ((), ("speed",), ("speed", "several", "closeness", "realism")):
        for situation in (
            Situation(False, True, frozenset(wants)),
            Situation(wants=frozenset(wants)),
        ):
            for one in ranked(methods, situation):
                assert unmarked(_(one.because), set()) is None, one.because
    with pytest.raises(BadInput) as caught:
        RegionSpec.parse("box:1,2")
    assert unmarked(_(str(caught.value)), {"1,2", "X0,Y0,X1,Y1"}) is None
