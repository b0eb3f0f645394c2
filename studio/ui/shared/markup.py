"""Small pieces of markup: bars, a curve, the table of an answer. Text from people is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

__all__ = [
    "alternative",
    "alternatives",
    "answer_line",
    "curve",
    "failure",
    "fetching",
    "heads",
    "hint",
    "megabytes",
    "metrics_table",
    "opinions",
    "progress_bar",
    "progress_line",
    "table",
    "to_fetch",
    "top_classes",
]


def curve(probabilities: Sequence[float], total: int, target: str) -> str:
    """The target's probability over the steps so far, as SVG; x runs to ``total``."""
    width, height, left, top, bottom = 420, 150, 34, 10, 24
    span = max(total, 2) - 1

    def point(i: int, p: float) -> str:
        x = left + (width - left - 8) * i / span
        y = top + (height - top - bottom) * (1 - p)
        return f"{x:.1f},{y:.1f}"

    lines = "".join(
        f'<line x1="{left}" x2="{width - 8}" y1="{y}" y2="{y}" class="grid"/>'
        f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{value}</text>'
        for value, y in zip(
            ("100 %", "50 %", "0"), (top, (top + height - bottom) / 2, height - bottom), strict=True
        )
    )
    path = " ".join(point(i, p) for i, p in enumerate(probabilities))
    last = ""
    if probabilities:
        x, y = point(len(probabilities) - 1, probabilities[-1]).split(",")
        last = f'<circle cx="{x}" cy="{y}" r="4"/>'
    now = f"{probabilities[-1]:.1%}" if probabilities else "not yet known"
    return (
        f'<svg class="curve" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="Probability of {escape(target)} over the steps, now {now}">{lines}'
        f'<polyline points="{path}"/>{last}'
        f'<text x="{width - 8}" y="{height - 6}" text-anchor="end">step {total}</text>'
        f'<text x="{left}" y="{height - 6}">model’s probability of “{escape(target)}”</text></svg>'
    )


def progress_line(
    index: int, total: int, phase: str, seconds: float, probability: float, target: str
) -> str:
    """Step i of n, what is done, what is left."""
    left = seconds / max(index, 1) * (total - index)
    rest = f"about {left:.0f} s left" if left >= 0.5 else "almost done"
    state = f"step {index} of {total} · {phase} · P({target}) = {probability:.0%} · {rest}"
    return _line("going", escape(state))


def answer_line(record: dict[str, Any]) -> str:
    """One honest sentence about how the run ended."""
    before, after = record["factual"]["label"], record["counterfactual"]["label"]
    target, status = record["target"], record["status"]
    p = record["counterfactual"]["probabilities"][target]
    if status == "cancelled":
        text = (
            f"Stopped at step {record['step']} of {record['steps']}: this is the last frame, not a "
            f"finished answer. The model says “{after}”, P({target}) = {p:.0%}."
        )
    elif status == "flipped":
        text = f"Flipped: the model said “{before}”, now it says “{after}” ({p:.0%})."
    else:
        text = (
            f"Not flipped: the model still says “{after}”, P({target}) = {p:.0%}. This is the best "
            "attempt; try a larger region, more steps or another method."
        )
    metrics = record["metrics"]
    error = metrics.get("inversion_error", metrics.get("reconstruction_error"))
    if error is not None:
        text += f" Even unchanged, the prior rebuilds this picture with an error of {error:.3f}."
    oracle = record["oracle"]
    if oracle:
        agrees = "agrees" if oracle["agrees"] else "disagrees"
        text += f" The oracle, an independent judge, {agrees}: it says “{oracle['label']}”."
    return _line(status, escape(text))


def failure(reason: str) -> str:
    """Why there is no answer."""
    return _line("failed", escape(reason[:1].upper() + reason[1:]))


def line(kind: str, text: str) -> str:
    """A status line of plain text; ``kind`` colours it."""
    return _line(kind, escape(text))


def _line(kind: str, content: str) -> str:
    return f'<p class="status {kind}" role="status">{content}</p>'


def top_classes(record: dict[str, Any], count: int = 5) -> str:
    """The model's first classes before and after, as two lists of bars."""

    def bars(title: str, probabilities: dict[str, float]) -> str:
        rows = "".join(
            f'<li class="{"target" if name == record["target"] else ""}">'
            f'<span>{escape(name)}</span><meter min="0" max="1" value="{p:.4f}"></meter>'
            f"<span>{p:.1%}</span></li>"
            for name, p in list(probabilities.items())[:count]
        )
        return f"<div><h4>{title}</h4><ol>{rows}</ol></div>"

    before = bars("Before", record["factual"]["probabilities"])
    after = bars("After", record["counterfactual"]["probabilities"])
    return f'<div class="bars">{before}{after}</div>'


def metrics_table(record: dict[str, Any], metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """The answer's numbers with what they mean.

    :param metrics: title, form, meaning and place of each (``backends.service.about``).
    """
    rows = []
    places = {n: m["page"] for n, m in metrics.items() if m["page"] is not None}
    for name in sorted(places, key=places.__getitem__):
        value, metric = record["metrics"].get(name), metrics[name]
        if value is not None:
            rows.append((metric["title"], metric["form"].format(value), metric["meaning"]))
    oracle = record["oracle"]
    if oracle:
        verdict = f"{oracle['label']} ({oracle['target_probability']:.0%} for {record['target']})"
        rows.append(("Oracle says", verdict, "a classifier that no method ever sees"))
    rows.append(
        ("Region", f"{record['region']['area']:.1%}", f"from: {record['region']['source']}")
    )
    calls = ", ".join(
        f"{name} {n['forward']}" + (f"+{n['backward']} back" if n["backward"] else "")
        for name, n in record["nfe"].items()
    )
    if calls:
        rows.append(("Network evaluations", calls, "forward, and backward where gradients flow"))
    rows.append(("Time", f"{record['seconds']:.2f} s", f"seed {record['seed']}"))
    body = "".join(
        f"<tr><th>{escape(label)}</th><td>{escape(value)}</td><td>{escape(meaning)}</td></tr>"
        for label, value, meaning in rows
    )
    return f'{top_classes(record)}<table class="metrics"><tbody>{body}</tbody></table>'


def frame(picture: str) -> str:
    """The search's present state (a data URL)."""
    return f'<img class="frame" src="{picture}" alt="The picture at this step">'


def before_after(factual: str, counterfactual: str) -> str:
    """Both pictures (data URLs) under one slider; a range input, so that arrow keys move it."""
    return (
        '<div class="compare" style="--cut: 50%">'
        f'<img class="before" src="{factual}" alt="Factual">'
        f'<img class="after" src="{counterfactual}" alt="Counterfactual">'
        '<span class="tag left">factual</span><span class="tag right">counterfactual</span>'
        '<input type="range" min="0" max="100" value="50" '
        'aria-label="Before and after: left shows the factual, right the counterfactual" '
        "oninput=\"this.parentNode.style.setProperty('--cut', this.value + '%')\"></div>"
        '<p class="hint">Drag, use the arrow keys, or hold F to see the factual.</p>'
    )


def alternatives(name: str, others: Sequence[str]) -> str:
    """The method's further answers, each from :func:`alternative`, below its answer, which it
    calls ``name``."""
    if not others:
        return ""
    said = f"Above is the {escape(name)} counterfactual. This run also gives:"
    return f'<p class="hint">{said}</p><div class="differences">{"".join(others)}</div>'


def alternative(name: str, target: str, record: Mapping[str, Any], picture: str, heat: str) -> str:
    """A further answer: picture and how much changed (data URLs), what the model and the oracle
    say of it, and its distance.

    :param record: what ``alternatives`` of result.json says of it.
    """
    opinion, oracle = record["counterfactual"], record["oracle"]
    said = f"says “{opinion['label']}”, P({target}) = {opinion['probabilities'][target]:.0%}"
    if oracle:
        said += f"; the oracle says “{oracle['label']}”"
    said += f"; L1 {record['metrics']['l1']:.1f}, step {record['step']}"
    title = escape(f"{name} counterfactual")
    return (
        f'<figure><img src="{picture}" alt="The {title}">'
        f'<img src="{heat}" alt="How much the {title} changed">'
        f"<figcaption>The {title}: {escape(said)}</figcaption></figure>"
    )


def differences(
    absolute: str, signed: str, importance: str = "", reconstruction: str = "", beyond: str = ""
) -> str:
    """The heatmaps (data URLs) with their scales: ``importance`` where it was asked for; what the
    method's prior makes of the factual, and how much changed ``beyond`` that."""

    def figure(source: str, title: str, scale: str = "") -> str:
        return (
            f'<figure><img src="{source}" alt="{title}"><figcaption>{title}{scale}</figcaption>'
            "</figure>"
        )

    def heat(source: str, title: str, kind: str, low: str, high: str) -> str:
        ends = f'<span class="ends"><span>{low}</span><span>{high}</span></span>'
        return figure(source, title, f'<span class="scale {kind}"></span>{ends}')

    figures = [
        heat(absolute, "How much changed", "absolute", "nothing", "black to white"),
        heat(signed, "Which became brighter or darker (luminance)", "signed", "darker", "brighter"),
    ]
    if importance:
        figures.append(
            heat(importance, "Which changes mattered", "signed", "against", "for the target")
        )
    if reconstruction:
        figures.append(figure(reconstruction, "Your picture, as the method’s prior rebuilds it"))
    if beyond:
        title = "How much changed against the rebuilt picture"
        figures.append(heat(beyond, title, "absolute", "nothing", "black to white"))
    return f'<div class="differences">{"".join(figures)}</div>'


def to_fetch(missing: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What is published elsewhere and not here, by bundle (``backends.service.to_pull``), and under
    which terms."""
    rows = "".join(
        f"<tr><th>{escape(', '.join(item['parts']))}</th><td>{escape(item['title'])}</td>"
        f"<td>{megabytes(item['size'])}{_arrived(item)}</td><td>{escape(item['licence'])}</td>"
        f"<td>{escape(item['weights_terms'])}</td></tr>"
        for items in missing.values()
        for item in items
    )
    names = " and ".join(f"“{escape(name)}”" for name in missing)
    heads = ("Part", "From", "Size", "Licence of the package", "Terms of the weights")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f"<p>Parts of {names} are published elsewhere and not on this machine yet. Fetching them "
        "means to accept these terms:</p>"
        f'<div class="scroller"><table class="fetch"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _arrived(item: Mapping[str, Any]) -> str:
    return f", {megabytes(item['have'])} arrived" if item["have"] else ""


def megabytes(size: int) -> str:
    """``38 MB``, or ``0.9 MB`` below ten."""
    return f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"


def fetching(parts: Sequence[str], phase: str, done: int, total: int) -> str:
    """How far a pull is with what it fetches now."""
    share = f": {megabytes(done)} of {megabytes(total)}" if phase == "downloading" else " …"
    bar = f'<progress max="{max(total, 1)}" value="{done}" aria-label="Fetched"></progress>'
    return _line("going", f"{escape(', '.join(parts))}: {escape(phase)}{share} {bar}")


def progress_bar(share: float, text: str) -> str:
    """How far something is, 0 to 1, beside words."""
    bar = f'<progress max="1" value="{share:.3f}" aria-label="Progress"></progress>'
    return _line("going", f"{escape(text)} {bar}")


def table(heads: str, rows: str, kind: str = "") -> str:
    """Cells in markup as a table that scrolls inside its own place."""
    return (
        f'<div class="scroller"><table class="compared {kind}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def heads(names: Sequence[str]) -> str:
    """The cells of a table's first row."""
    return "".join(f'<th scope="col">{escape(name)}</th>' for name in names)


def opinions(labels: Mapping[str, tuple[str, float]]) -> str:
    """What models of people's labels say: by model the class and its probability."""
    said = [
        f"“{name}”, of people’s labels, says {label} ({share:.0%})"
        for name, (label, share) in labels.items()
    ]
    return hint("; ".join(said)) if said else ""


def hint(text: str) -> str:
    """What to do next."""
    return _line("hint-line", escape(text))


def waiting(ahead: int) -> str:
    """Accepted, nothing to show yet; ``ahead`` of the person's own runs come first."""
    return _line("going", f"waiting for {ahead} of your runs …" if ahead else "starting …")


def stopping() -> str:
    """The stop has been heard."""
    return _line("going", "stopping after this step …")
