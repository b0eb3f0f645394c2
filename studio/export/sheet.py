"""Pages of a PDF: paper, fonts, words and headings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from studio.export.document import Document
from studio.export.fonts import fallbacks, shipped

__all__ = ["ACCENT", "BEGINNING", "INK", "LINE", "MARGIN", "RAISED", "SOFT", "Sheet"]

MARGIN = 15.0  # mm
INK, SOFT, LINE, RAISED = (28, 36, 48), (90, 100, 114), (217, 222, 228), (244, 246, 248)
ACCENT = (15, 108, 189)
BEGINNING: dict[str, Any] = {"new_x": XPos.LMARGIN, "new_y": YPos.NEXT}


class Sheet(FPDF):
    """Pages with a foot, and the few things that all blocks need."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.document = document
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, MARGIN + 5)
        self.c_margin = 0  # text begins where pictures do
        self.set_title(document.title)
        self.set_creator(document.source)
        for family, style, file in shipped():
            self.add_font(family, style, file)
        # What the letters of the shipped fonts cannot write, such as Chinese class names.
        names: list[str] = []
        for file in fallbacks(repr(document)):
            names.append(f"other{len(names)}")
            for style in ("", "B"):
                self.add_font(names[-1], style, file)
        if names:
            self.set_fallback_fonts(names, exact_match=False)

    def footer(self) -> None:
        """What made it, and the page's number."""
        self.set_y(-MARGIN)
        self.pen(8, colour=SOFT)
        self.cell(0, 5, self.document.source)
        self.set_x(MARGIN)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")

    def pen(
        self, size: float, style: str = "", family: str = "sans", colour: Sequence[int] = INK
    ) -> None:
        """Choose how the next words look."""
        self.set_font(family, style, size)
        self.set_text_color(*colour)

    def words(
        self, text: str, size: float = 9, style: str = "", *, colour: Sequence[int] = INK,
        height: float = 4.6, width: float = 0,
    ) -> None:  # fmt: skip
        """A paragraph from the left margin, or from the present place."""
        self.pen(size, style, colour=colour)
        self.multi_cell(width, height, text, align="L", **BEGINNING)

    def heading(self, text: str) -> None:
        """The title of a section, kept together with what follows."""
        self.room(28)
        self.ln(3)
        self.set_draw_color(*LINE)
        self.line(MARGIN, self.get_y(), self.w - MARGIN, self.get_y())
        self.ln(2.5)
        self.words(text, 11.5, "B", height=6)
        self.ln(0.5)

    def room(self, height: float) -> None:
        """Begin another page where ``height`` mm are not left on this one."""
        if self.will_page_break(height):
            self.add_page()
