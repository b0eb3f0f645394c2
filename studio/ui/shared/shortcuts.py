"""Keyboard shortcuts: one table drives the script, the tools' titles, the help and the tests."""

from __future__ import annotations

import json

from studio.templates import Markup, render
from studio.translation import N_, _
from studio.ui.shared.static import static_text

__all__ = ["BY_HAND", "SHORTCUTS", "help_sheet", "keys", "keys_of", "script"]

TOOL, HOW = "#factual [data-tool={}]", "#factual [data-how={}]"
SHORTCUTS = {
    # key: (selectors of what to click, the first that is there; what it does)
    "r": ("#run, #compare-run", N_("Run, or compare")),
    "ctrl+enter": ("#run, #compare-run", N_("The same, also while you type")),
    "s": (
        "#stop, #compare-stop, .labelling [data-act=skip], .labelling [data-grid=skip]",
        N_("Stop; when labelling, skip"),
    ),
    "p": ("#region-source input[value=auto]", N_("Let the model propose a region")),
    "w": ("#region-source input[value=words]", N_("Say the region in words (photographs)")),
    "n": ("#new-face, .labelling [data-act=note]", N_("A new face; when labelling, a note")),
    "b": (TOOL.format("brush"), N_("Brush")),
    "e": (TOOL.format("eraser"), N_("Eraser")),
    "x": (TOOL.format("box"), N_("Box")),
    "l": (TOOL.format("lasso"), N_("Lasso")),
    "g": (
        f"{TOOL.format('polygon')}, .labelling [data-act=guide]",
        N_("Polygon; when labelling, the guidelines"),
    ),
    "c": (
        "#factual .clickable [data-tool=include], #region-source input[value=clicks]",
        N_("Click on what belongs to it (photographs)"),
    ),
    "v": ("#factual .clickable [data-tool=exclude]", N_("Click on what does not (photographs)")),
    "a": (HOW.format("add"), N_("Add what is drawn next")),
    "d": (HOW.format("subtract"), N_("Take away what is drawn next")),
    "t": (HOW.format("intersect"), N_("Keep only what is drawn next")),
    "[": ("#factual .smaller", N_("Smaller brush")),
    "]": ("#factual .larger", N_("Larger brush")),
    "ctrl+z": ("#factual .undo", N_("Undo")),
    "ctrl+shift+z": ("#factual .redo", N_("Redo")),
    "ctrl+y": ("#factual .redo", ""),
    "enter": ("#factual .apply", N_("Apply what is offered")),
    "escape": ("#factual .cancel", N_("Put away what is offered")),
    "i": ("#factual .invert", N_("Invert")),
    ".": ("#factual .grow", N_("Grow")),
    ",": ("#factual .shrink", N_("Shrink")),
    "delete": ("#factual .clear", N_("Remove")),
    "m": ("#factual .more", N_("More tools")),
    "u": (".labelling [data-act=unsure], .labelling [data-grid=unsure]", N_("Unsure")),
    "z": (
        "#label-undo, #grid-undo, #path-back",
        N_("Take the last answer back; also when asked about a path"),
    ),
    "?": ("#show-shortcuts", N_("This list")),
} | {
    key: (", ".join(f"#{of}-choices [data-key='{key}']" for of in ("label", "grid", "path")), "")
    for key in "1234567890"
}
BY_HAND = {  # keys that the scripts of their places take
    "F": N_("Hold it to see the factual in place of the counterfactual"),
    N_("Arrows"): N_("On the picture: move by a pixel, with Shift by four"),
    N_("Space"): N_("On the picture: draw, set a corner, click"),
    N_("Backspace"): N_("Take the last corner of a polygon back; Enter closes it, Esc leaves it"),
    N_("1 to 9, 0"): N_("Give that answer"),
}
REGION, LABELLING, ELSEWHERE = N_("Region"), N_("Labelling"), N_("Everywhere")


def script() -> str:
    """Page script: click by key, and hold F to see the factual in place of the answer. Keys
    pressed in a text field are left alone, and so is Enter where it means something already."""
    table = json.dumps({key: selectors for key, (selectors, _) in SHORTCUTS.items()})
    return f"<script>(() => {{\nconst keys = {table};\n{static_text('shortcuts.js')}}})();</script>"


def help_sheet() -> Markup:
    """The same table for a person: a dialog, and the button that opens it."""
    sections: dict[str, list[tuple[str, str]]] = {REGION: [], ELSEWHERE: [], LABELLING: []}
    for key, (selectors, text) in SHORTCUTS.items():
        if text:
            sections[_section(selectors)].append((_shown(key), _(text)))
    hold, *drawing, answer = BY_HAND.items()
    for section, rows in {ELSEWHERE: [hold], REGION: drawing, LABELLING: [answer]}.items():
        sections[section] += rows
    return render("shortcuts.html", "sheet", sections)


def _section(selectors: str) -> str:
    if selectors.startswith(("#factual", "#region")):
        return REGION
    return LABELLING if selectors.startswith((".labelling", "#label")) else ELSEWHERE


def keys(place: str) -> dict[str, str]:
    """The shown key of every control inside a place: by the end of its selector."""
    return {
        selector.rsplit(" ", 1)[1]: _shown(key)
        for key, (selectors, text) in SHORTCUTS.items() if text
        for selector in selectors.split(", ") if selector.startswith(place + " ")
    }  # fmt: skip


def _shown(key: str) -> str:
    return "+".join({"escape": _("Esc")}.get(part, part.capitalize()) for part in key.split("+"))


def keys_of(classes: list[str]) -> list[str]:
    """The key of each class: a class that is a digit has that digit, otherwise the first nine have
    1 to 9, the tenth 0, and further ones none."""
    if all(name in "0123456789" and len(name) == 1 for name in classes):
        return list(classes)
    return [str((n + 1) % 10) if n < 10 else "" for n in range(len(classes))]
