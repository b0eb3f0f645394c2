"""A project's guidelines: Markdown by its administrator, HTML for everybody else's page."""

from __future__ import annotations

from markdown_it import MarkdownIt

__all__ = ["html"]

# HTML within the text is shown as text, and a link leads to no script. A picture would be fetched
# from wherever it lies, which would tell that host who is labelling.
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def html(text: str) -> str:
    """Guidelines as HTML that is safe to show: links, lists, tables, emphasis; no pictures, no
    scripts, no HTML of its own."""
    tokens = _markdown.parse(text)
    for token in tokens:
        for part in token.children or []:
            if part.type == "link_open":  # or a click would leave the labelling
                part.attrs |= {"target": "_blank", "rel": "noopener noreferrer"}
    return str(_markdown.renderer.render(tokens, _markdown.options, {}))
