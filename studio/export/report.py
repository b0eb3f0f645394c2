"""An evaluation as one HTML page that needs nothing else: the table, then pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from PIL import Image

from backends.core import Answer
from studio.export import absolute_difference, as_picture, enlarge, signed_difference

if TYPE_CHECKING:
    from backends.evaluation import Row

__all__ = ["page"]

SIDE = 128  # pixels of an example picture
ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}
BETTER = {"higher": "higher is better", "lower": "lower is better", "neither": ""}
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { padding: .3rem .7rem; text-align: left; border-bottom: 1px solid #8886; }
thead th { vertical-align: bottom; }
td.number { text-align: right; white-space: nowrap; }
small { font-weight: normal; opacity: .8; }
img { display: block; image-rendering: pixelated; }
"""


def page(table: dict[str, Any], rows: Sequence[Row]) -> str:
    """The report.

    :param table: content of table.json.
    :param rows: the same rows, with their example pictures.
    """
    title = f"Counterfactuals of {escape(table['title'])}"
    pairs = ", ".join(f"{a} to {b}" for a, b in table["pairs"]) or "random targets"
    source = escape(table["data"] or "the bundle's examples")
    shown = "".join(_examples(row, table) for row in rows if row.shown)
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{STYLE}</style></head>
<body><main>
<h1>{title}</h1>
<p>{table["count"]} pictures a row from {source}; {escape(pairs)}; seed {table["seed"]}.
Each number is a mean over the pictures ± its standard error.</p>
{_numbers(table)}
{shown}
</main></body>
</html>
"""


def _numbers(table: dict[str, Any]) -> str:
    metrics = table["metrics"]
    heads = "".join(
        f'<th scope="col" title="{BETTER[m["direction"]]}">{escape(m["title"])} '
        f"{ARROWS[m['direction']]}<br><small>{escape(m['unit'])}</small></th>"
        for m in metrics.values()
    )
    lines = []
    for row in table["rows"]:
        if "problem" in row:
            problem = escape(row["problem"])
            cells = f'<td colspan="{len(metrics)}">could not run: {problem}</td>'
        else:
            cells = "".join(f'<td class="number">{_cell(row.get(name))}</td>' for name in metrics)
        lines.append(
            f'<tr><th scope="row">{escape(row["title"])}</th>'
            f"<td>{escape(row['region'])}</td>{cells}</tr>"
        )
    return f"""<div class="wide" tabindex="0" role="region" aria-label="Measured values"><table>
<caption>↑ higher is better, ↓ lower is better; distances say how little was changed.</caption>
<thead><tr><th scope="col">Method</th><th scope="col">Region</th>{heads}</tr></thead>
<tbody>{"".join(lines)}</tbody></table></div>"""


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        if value["mean"] is None:
            return "–"
        error = "" if value["sem"] is None else f" ± {value['sem']:.2g}"
        return f"{value['mean']:.4g}{error}"
    return "–" if value is None else f"{value:.4g}"


def _examples(row: Row, table: dict[str, Any]) -> str:
    title = next(
        r["title"] for r in table["rows"]
        if (r["method"], r.get("answer", "")) == (row.method, row.answer)
    )  # fmt: skip
    rebuilt = row.shown[0].reconstruction is not None
    head = '<th scope="col">Rebuilt by the prior</th>' if rebuilt else ""
    lines = "".join(_example(answer) for answer in row.shown)
    return f"""<h2>{escape(title)}, region {escape(row.region)}</h2>
<table><caption>The change is black (none) to yellow (all channels from black to white or back),
the mean over the colour channels. The change of luminance is red where a picture became brighter,
blue where darker.</caption>
<thead><tr><th scope="col">Question</th><th scope="col">Factual</th>{head}
<th scope="col">Counterfactual</th><th scope="col">Change</th>
<th scope="col">Change of luminance</th><th scope="col">Answer</th></tr>
</thead><tbody>{lines}</tbody></table>"""


def _example(answer: Answer) -> str:
    record = {name: escape(str(value)) for name, value in answer.record.items()}
    before, asked, after = (record[k] for k in ("factual", "target", "counterfactual"))
    pictures = [
        (as_picture(answer.factual), f"factual, called {before}"),
        (as_picture(answer.counterfactual), f"counterfactual, called {after}"),
        (absolute_difference(answer), f"how much changed from {before} to {asked}"),
        (signed_difference(answer), f"what became brighter or darker from {before} to {asked}"),
    ]
    if answer.reconstruction is not None:
        pictures.insert(1, (as_picture(answer.reconstruction), "factual, rebuilt by the prior"))
    cells = "".join(
        f'<td><img alt="{alt}" src="{_data_uri(picture)}"></td>' for picture, alt in pictures
    )
    verdict = f"{after}, with {answer.record['target_probability']:.0%} for {asked}"
    if "oracle" in record:
        verdict += f"; the oracle says {record['oracle']}"
    return f'<tr><th scope="row">{before} to {asked}</th>{cells}<td>{verdict}</td></tr>'


def _data_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    enlarge(picture, SIDE).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
