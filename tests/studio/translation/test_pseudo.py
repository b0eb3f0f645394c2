"""Every text of the page comes from the catalogue: in a language that puts each of its texts into
brackets, nothing visible stands outside of them."""

import re
from html.parser import HTMLParser

import pytest

from studio.translation import catalogues, speaking
from studio.ui.page import build

VISIBLE = ("label", "info", "placeholder", "button_label")
ATTRIBUTES = ("aria-label", "title", "alt", "placeholder")
UNSEEN = {"STYLE", "SCRIPT", "CODE", "KBD", "SVG"}
# What is no text of the page: names of methods and of files, and what is typed as it is.
NAMES = {
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
        self.found, self._within = [], []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ATTRIBUTES and value]
        if tag.upper() in UNSEEN:
            self._within.append(tag)

    def handle_endtag(self, tag):
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data):
        if not self._within:
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
    names = NAMES | {about["name"], *about["class_names"]} | {
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
