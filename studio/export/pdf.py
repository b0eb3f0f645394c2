"""A report as PDF on A4, its fonts within."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fpdf.fonts import FontFace
from fpdf.util import Padding
from PIL import Image

from studio.export.document import (
    Block,
    Captioned,
    ClassBars,
    Document,
    PictureRow,
    ProbabilityCurve,
    Prose,
    Snippet,
    ValueTable,
    Verdict,
)
from studio.export.sheet import ACCENT, BEGINNING, INK, LINE, MARGIN, RAISED, SOFT, Sheet

__all__ = ["pdf_file"]

GAP = 4.0  # mm between pictures
KINDS = {"good": (10, 125, 79), "caution": (180, 95, 6)}
SCALES = {
    "absolute": ("#000004", "#57106e", "#bc3754", "#f98e09", "#fcffa4"),
    "signed": ("#9eb0ff", "#3a8bbd", "#192b36", "#11080a", "#40120c", "#9c5d4f", "#ffadad"),
}


def pdf_file(path: Path, document: Document) -> None:
    """Write the report."""
    pdf = Sheet(document)
    pdf.add_page()
    pdf.words(document.title, 16, "B", height=7.5)
    pdf.words(document.subtitle, 9.5, colour=SOFT, height=5)
    for section in document.sections:
        if section.title:
            pdf.heading(section.title)
        for block in section.blocks:
            BLOCKS[type(block)](pdf, block)
    pdf.output(str(path))


def _verdict(pdf: Sheet, block: Verdict) -> None:
    pdf.ln(3)
    top, page = pdf.get_y(), pdf.page
    pdf.set_left_margin(MARGIN + 4)
    pdf.set_x(MARGIN + 4)
    for i, sentence in enumerate(block.sentences):
        pdf.words(sentence, 11 if i == 0 else 9.5, "B" if i == 0 else "", height=5.2)
    pdf.set_left_margin(MARGIN)
    pdf.set_x(MARGIN)
    if pdf.page == page:
        pdf.set_fill_color(*KINDS[block.kind])
        pdf.rect(MARGIN, top, 1.3, pdf.get_y() - top, "F")
    pdf.ln(4)


def _prose(pdf: Sheet, block: Prose) -> None:
    for line in block.lines:
        pdf.words(line, colour=SOFT)
    pdf.ln(1)


def _pictures(pdf: Sheet, block: PictureRow) -> None:
    columns = block.columns
    side = (pdf.epw - GAP * (columns - 1)) / columns
    for start in range(0, len(block.items), columns):
        items = block.items[start : start + columns]
        heights = [side * item.picture.height / item.picture.width for item in items]
        pdf.room(max(heights) + 20)
        top, lowest = pdf.get_y(), pdf.get_y()
        for i, (item, height) in enumerate(zip(items, heights, strict=True)):
            left = MARGIN + i * (side + GAP)
            _picture(pdf, item.picture, left, top, side)
            pdf.set_xy(left, top + height + 1)
            _caption(pdf, item, left, side)
            lowest = max(lowest, pdf.get_y())
        pdf.set_xy(MARGIN, lowest + 2.5)


def _picture(pdf: Sheet, picture: Image.Image, left: float, top: float, side: float) -> None:
    content = io.BytesIO()
    if pdf.document.blocky:
        # Viewers smooth what they enlarge; blocks must come as blocks.
        times = max(1, 320 // max(picture.size))
        size = (picture.width * times, picture.height * times)
        picture.resize(size, Image.Resampling.NEAREST).save(content, "PNG")
    else:
        picture.convert("RGB").save(content, "JPEG", quality=88)
    content.seek(0)
    pdf.image(content, left, top, side)


def _caption(pdf: Sheet, item: Captioned, left: float, side: float) -> None:
    for text, style, colour in ((item.title, "B", INK), (item.text, "", SOFT)):
        if text:
            pdf.set_x(left)
            pdf.words(text, 8, style, colour=colour, height=3.8, width=side)
    if item.scale:
        kind, low, high = item.scale
        y, colours = pdf.get_y() + 0.6, _between(SCALES[kind], 48)
        for i, filled in enumerate(colours):
            pdf.set_fill_color(*filled)
            pdf.rect(left + i * side / len(colours), y, side / len(colours) + 0.05, 1.6, "F")
        pdf.set_xy(left, y + 2)
        pdf.pen(6.5, colour=SOFT)
        pdf.cell(side / 2, 3, low)
        pdf.cell(side / 2, 3, high, align="R", **BEGINNING)


def _between(colours: Sequence[str], count: int) -> list[tuple[int, ...]]:
    """A colour scale as ``count`` colours."""
    stops = [tuple(int(one[i : i + 2], 16) for i in (1, 3, 5)) for one in colours]
    found = []
    for i in range(count):
        place = i / (count - 1) * (len(stops) - 1)
        k = min(int(place), len(stops) - 2)
        pairs = zip(stops[k], stops[k + 1], strict=True)
        found.append(tuple(round(a + (b - a) * (place - k)) for a, b in pairs))
    return found


def _curve(pdf: Sheet, block: ProbabilityCurve) -> None:
    pdf.room(40)
    left, top, width, height = MARGIN + 10, pdf.get_y() + 2, 110.0, 28.0
    pdf.set_draw_color(*LINE)
    for label, share in (("100 %", 1.0), ("50 %", 0.5), ("0", 0.0)):
        y = top + height * (1 - share)
        pdf.line(left, y, left + width, y)
        pdf.set_xy(MARGIN - 2, y - 2)
        pdf.pen(7, colour=SOFT)
        pdf.cell(11, 4, label, align="R")
    points = [
        (left + width * step / max(block.total, 1), top + height * (1 - p))
        for step, p in block.points
    ]
    pdf.set_draw_color(*ACCENT)
    pdf.set_line_width(0.5)
    pdf.polyline(points)
    pdf.set_fill_color(*ACCENT)
    pdf.circle(points[-1][0], points[-1][1], 0.9, style="F")
    pdf.set_line_width(0.2)
    pdf.set_xy(left, top + height + 1)
    pdf.pen(7.5, colour=SOFT)
    pdf.cell(width, 4, f"step {block.total}", align="R")
    pdf.set_x(left)
    pdf.cell(width, 4, f"model’s probability of “{block.target}”", **BEGINNING)
    pdf.ln(3)


def _bars(pdf: Sheet, block: ClassBars) -> None:
    row, half = 4.6, (pdf.epw - 10) / 2
    pdf.room(row * max(len(classes) for _, classes in block.groups) + 7)
    top, lowest = pdf.get_y(), pdf.get_y()
    for i, (title, classes) in enumerate(block.groups):
        left = MARGIN + i * (half + 10)
        pdf.set_xy(left, top)
        pdf.words(title, 8.5, "B", width=half)
        for name, p in classes:
            wanted = name == block.target
            y = pdf.get_y()
            pdf.set_x(left)
            pdf.pen(8, "B" if wanted else "")
            pdf.cell(26, row, _short(pdf, name, 25))
            pdf.set_fill_color(*(ACCENT if wanted else SOFT))
            pdf.rect(left + 27, y + 1, max(0.2, (half - 43) * p), row - 2, "F")
            pdf.set_x(left + half - 15)
            pdf.cell(15, row, f"{p:.1%}", align="R", **BEGINNING)
        lowest = max(lowest, pdf.get_y())
    pdf.set_xy(MARGIN, lowest + 2)


def _short(pdf: Sheet, text: str, width: float) -> str:
    """As much of a text as fits."""
    if pdf.get_string_width(text) <= width:
        return text
    while text and pdf.get_string_width(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def _values(pdf: Sheet, block: ValueTable) -> None:
    pdf.pen(8 if len(block.widths) < 8 else 6.5)
    pdf.set_draw_color(*LINE)
    pdf.set_fill_color(255)
    align = ["RIGHT" if i in block.numeric else "LEFT" for i in range(len(block.widths))]
    headed = any(block.heads)
    with pdf.table(
        col_widths=tuple(block.widths), text_align=tuple(align), line_height=4.2,
        borders_layout="HORIZONTAL_LINES", first_row_as_headings=headed, align="LEFT",
        headings_style=FontFace(emphasis="BOLD", color=INK), padding=(0.5, 1.5, 0.5, 0),
    ) as table:  # fmt: skip
        for cells in [block.heads, *block.rows] if headed else block.rows:
            row = table.row()
            for i, cell in enumerate(cells):
                row.cell(cell, style=FontFace(emphasis="BOLD") if i == 0 else None)
    pdf.ln(2)
    if block.note:
        pdf.words(block.note, 8, colour=SOFT)


def _snippet(pdf: Sheet, block: Snippet) -> None:
    pdf.room(5 + 3.8 * (block.code.count("\n") + 2))
    pdf.words(block.title, 8.5, "B")
    pdf.pen(7.2, family="mono")
    pdf.set_fill_color(*RAISED)
    room = Padding(1.5, 1.5, 1.5, 1.5)
    pdf.multi_cell(0, 3.8, block.code, align="L", fill=True, padding=room, **BEGINNING)
    pdf.ln(2)


BLOCKS: dict[type[Block], Callable[[Sheet, Any], None]] = {
    Verdict: _verdict, Prose: _prose, PictureRow: _pictures, ProbabilityCurve: _curve,
    ClassBars: _bars, ValueTable: _values, Snippet: _snippet,
}  # fmt: skip
