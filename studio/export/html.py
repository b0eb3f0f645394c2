"""A report as one HTML page that needs nothing else: no script, no file, no host."""

from __future__ import annotations

from typing import Any

from PIL import Image

from studio.export.data_urls import data_url
from studio.export.document import (
    Block,
    ClassBars,
    Document,
    PictureRow,
    ProbabilityCurve,
    Prose,
    Snippet,
    ValueTable,
    Verdict,
)
from studio.templates import Markup, render

__all__ = ["html_page"]

MACROS: dict[type, str] = {
    Verdict: "verdict", Prose: "prose", ClassBars: "bars", ValueTable: "values", Snippet: "snippet",
}  # fmt: skip
LEFT, RIGHT, TOP, BOTTOM = 40, 412, 10, 126  # of the curve, in a box of 420 x 150 units


def html_page(document: Document) -> str:
    """The page."""
    sections = [
        (section.title, [_block(block, document.blocky) for block in section.blocks])
        for section in document.sections
    ]
    return f"{render('document.html', 'page', document, sections)}\n"


def _block(block: Block, blocky: bool) -> Markup:
    if isinstance(block, PictureRow):
        figures = [(_url(item.picture, blocky), item) for item in block.items]
        return _render("pictures", figures, block.columns, blocky)
    if isinstance(block, ProbabilityCurve):
        return _render("curve", block, _line(block), (LEFT, RIGHT, TOP, BOTTOM))
    return _render(MACROS[type(block)], block)


def _render(macro: str, *values: Any) -> Markup:
    return render("document.html", macro, *values)


def _url(picture: Image.Image, blocky: bool) -> str:
    if blocky:
        return data_url(picture, optimize=True)
    return data_url(picture.convert("RGB"), "JPEG", quality=88)


def _line(curve: ProbabilityCurve) -> list[tuple[str, str]]:
    width, height = RIGHT - LEFT, BOTTOM - TOP
    return [
        (f"{LEFT + width * step / max(curve.total, 1):.1f}", f"{TOP + height * (1 - p):.1f}")
        for step, p in curve.points
    ]
