"""Keyboard shortcuts: one table drives the script, the help sheet and the tests."""

from __future__ import annotations

import json

__all__ = ["SHORTCUTS", "help_sheet", "keys_of", "script"]

SHORTCUTS = {
    # key: (selector of what to click, what it does)
    "r": ("#run, #compare-run", "Run, or compare"),
    "s": ("#stop, #compare-stop, .labelling [data-act=skip]", "Stop; when labelling, skip"),
    "p": ("#region-source input[value=auto]", "Let the model propose a region"),
    "w": ("#region-source input[value=words]", "Say the region in words (photographs)"),
    "c": ("#region-source input[value=clicks]", "Click the region (photographs)"),
    "n": ("#new-face, .labelling [data-act=note]", "A new face; when labelling, a note"),
    "u": (".labelling [data-act=unsure]", "When labelling: unsure"),
    "z": ("#label-undo, #path-back", "Take the last answer back, when labelling or asked"),
} | {
    key: (f"#label-choices [data-key='{key}'], #path-choices [data-key='{key}']", "")
    for key in "1234567890"
}
CANVAS = {
    "B / E / X": "brush, eraser, box",
    "C / V": "click on what belongs to the region, on what does not",
    "[ / ]": "smaller, larger brush",
    "Ctrl+Z / Ctrl+Shift+Z": "undo, redo",
    "I": "invert",
    "arrows, Space": "move and paint without a mouse",
}


def script() -> str:
    """Page script: click by key, and hold F to see the factual in place of the answer. Keys
    pressed in a text field, or together with Ctrl, Alt or Meta, are left alone."""
    table = json.dumps({key: selector for key, (selector, _) in SHORTCUTS.items()})
    return f"""<script>
(() => {{
  const keys = {table};
  const typing = (node) => node.closest(
    "input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, " +
    "[contenteditable=true]");
  const hold = (on) => document.body.classList.toggle("show-factual", on);
  document.addEventListener("keydown", (event) => {{
    if (event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    const key = event.key.toLowerCase();
    if (key === "f") hold(true);
    const found = keys[key] ? [...document.querySelectorAll(keys[key])] : [];
    const control = found.find((node) => node.closest("[role=tabpanel]")?.offsetParent);
    if (!control || event.repeat) return;
    event.preventDefault();
    control.click();
  }});
  document.addEventListener("keyup", (event) => {{
    if (event.key.toLowerCase() === "f") hold(false);
  }});
  window.addEventListener("blur", () => hold(false));
}})();
</script>"""


def help_sheet() -> str:
    """The same table for a person, as Markdown."""
    rows = [(key.upper(), text) for key, (_, text) in SHORTCUTS.items() if text]
    rows += [("1 to 9, 0", "When labelling or asked: that answer")]
    rows += [("hold F", "see the factual in place of the counterfactual")]
    rows += [(f"on the canvas: {key}", text) for key, text in CANVAS.items()]
    return "| key | does |\n|---|---|\n" + "\n".join(f"| {k} | {v} |" for k, v in rows)


def keys_of(classes: list[str]) -> list[str]:
    """The key of each class: a class that is a digit has that digit, otherwise the first nine have
    1 to 9, the tenth 0, and further ones none."""
    if all(name in "0123456789" and len(name) == 1 for name in classes):
        return list(classes)
    return [str((n + 1) % 10) if n < 10 else "" for n in range(len(classes))]
