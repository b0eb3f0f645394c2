"""Guidelines are Markdown of one person that other people's browsers show."""

import pytest

from studio.labels.tasks.guideline_text import html


def test_markdown_becomes_html():
    shown = html("# Sevens\n- **a bar** may cross it\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    for piece in ("<h1>Sevens</h1>", "<strong>a bar</strong>", "<td>2</td>"):
        assert piece in shown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[a](javascript:alert(1))",
        "[a](data:text/html,x)", "![seen](https://example.org/who-looks.png)",
        "<https://x.org/\"onclick=alert(1)>",
    ],
)  # fmt: skip
def test_nothing_runs_and_nothing_is_fetched(text):
    shown = html(text)
    assert "<script" not in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown
    assert 'href="data' not in shown
    assert '"onclick' not in shown


def test_links_open_beside_the_labelling():
    assert 'target="_blank" rel="noopener noreferrer"' in html("[a](https://example.org)")
