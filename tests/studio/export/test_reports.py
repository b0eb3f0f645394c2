"""Reports as HTML and PDF: what they say, that they stand alone, and that they trust no name."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from studio.export import formats
from studio.export.answer_report import answer_report
from studio.export.comparison_report import Compared, comparison_report
from studio.export.fonts import fallbacks
from studio.export.html import html_page

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7*7 }}"


def renamed(answered, name):
    """The answer with another name for its target."""
    answer, frames = answered
    record, old = answer.record, answer.record["target"]

    def told(which):
        found = {name if n == old else n: p for n, p in record[which]["probabilities"].items()}
        label = record[which]["label"]
        return {"label": name if label == old else label, "probabilities": found}

    changed = {which: told(which) for which in ("factual", "counterfactual")}
    return replace(answer, record=record | changed | {"target": name}, alternatives={}), frames


class Links(HTMLParser):
    """Everything that a page could load or run."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses = set(), []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        names = ("src", "href", "srcset", "action", "data")
        self.addresses += [value for name, value in attributes if name in names]
        assert not [name for name, _ in attributes if name.startswith("on")]


def test_a_page_says_what_happened(report, answered, about):
    answer, _ = answered
    text = html_page(report)
    record = answer.record
    assert f"“{record['target']}” instead of “{record['factual']['label']}”" in text
    for name, value in record["metrics"].items():
        metric = about["metrics"][name]
        assert metric["form"].format(value).replace("+", "&#43;") in text.replace("+", "&#43;")
    for setting in record["settings"]:
        assert setting in text
    assert "the box from 2,2 to 14,12" in text
    assert "Which changes mattered" in text
    assert "python -m studio explain factual.png" in text
    assert html_page(report) == text, "the same report gives the same bytes"


def test_a_page_needs_nothing_else(report):
    links = Links()
    links.feed(html_page(report))
    assert not links.tags & {"script", "link", "iframe", "object", "embed"}
    assert links.addresses
    assert all(address.startswith("data:image/") for address in links.addresses)
    assert "url(" not in html_page(report)


def test_names_are_text(answered, about):
    text = html_page(answer_report(*renamed(answered, HOSTILE), about))
    links = Links()
    links.feed(text)
    assert not links.tags & {"script"}
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
    assert "{{ 7*7 }}" in text


def test_a_page_without_steps_or_oracle(answered, about):
    answer, _ = answered
    bare = replace(answer, record=answer.record | {"oracle": None, "nfe": {}})
    text = html_page(answer_report(bare, [], about))
    assert "oracle" not in text.split("Numbers")[0]
    assert "model’s probability of" not in text


def read_pdf(path):
    """A PDF's fonts, and whether each is within the file."""
    content = path.read_bytes()
    assert content.startswith(b"%PDF-")
    assert b"/URI" not in content
    return len(re.findall(rb"/FontFile2 ", content)), len(
        re.findall(rb"/Type /FontDescriptor", content)
    )


def test_a_pdf_holds_its_fonts_and_any_letters(answered, about, tmp_path):
    for name in ("Ölmütz żółć Ωμέγα четыре", HOSTILE):
        found = renamed(answered, name)
        formats.write_answer(tmp_path, ["pdf"], *found, about)
        files, described = read_pdf(tmp_path / "report.pdf")
        assert files == described > 0
        assert (tmp_path / "report.pdf").stat().st_size < 3_000_000


def test_the_letters_of_a_pdf_are_in_its_font():
    assert fallbacks("Ölmütz żółć Ωμέγα четыре “→” −1 ≤ 50 %") == []


def test_a_pdf_of_what_no_font_can_write_is_written_all_the_same(answered, about, tmp_path):
    formats.write_answer(tmp_path, ["pdf"], *renamed(answered, "四 \U0001f600"), about)
    read_pdf(tmp_path / "report.pdf")


def test_a_comparison_shows_every_answer(answered, about, tmp_path):
    answer, frames = answered
    found = [
        Compared("LeapFactual, seed 0", answer, frames),
        Compared("Another <b>", *renamed(answered, answer.record["target"]), chosen=True),
    ]
    report = comparison_report(found, {"RCSB": "its bridge is not here"}, about)
    text = html_page(report)
    for words in ("LeapFactual, seed 0", "Another &lt;b&gt;", "RCSB: its bridge is not here.",
                  "of 3 runs made the model say", "cs.compare("):  # fmt: skip
        assert words in text
    assert "The answer of Another &lt;b&gt; convinced the person." in text
    formats.write_comparison(tmp_path, ["html", "pdf", "strip", "mp4"], found, {}, about)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.html", "report.pdf", "filmstrip.png"}


@pytest.mark.parametrize("kind", ["answer", "comparison"])
def test_a_photograph_stays_small(kind, about, answered, tmp_path):
    import numpy as np

    answer, frames = answered
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    mask = np.zeros((1024, 1024), np.uint8)
    mask[200:600, 300:900] = 255
    large = replace(
        answer, factual=noise, counterfactual=noise[::-1].copy(), mask=mask, importance=None,
        reconstruction=None, alternatives={},
    )  # fmt: skip
    frames = [replace(frame, picture=noise) for frame in frames]
    if kind == "answer":
        formats.write_answer(tmp_path, ["html", "pdf"], large, frames, about)
    else:
        found = [Compared("One", large, frames), Compared("Other", large, frames)]
        formats.write_comparison(tmp_path, ["html", "pdf"], found, {}, about)
    # Noise is the worst that JPEG can meet; a photograph takes a fifth of it.
    assert (tmp_path / "report.pdf").stat().st_size < 6_000_000
