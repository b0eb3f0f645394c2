"""25 people use a demo of the digits at once, as their pages would: how long they wait for the
first frame, how many runs end, how fairly; what streaming costs; and how soon the device is free
when half of them vanish. Ends with 1 where a figure is missed.

    python -m benchmarks.visitors [--visitors 25] [--seconds 300] [--methods leapfactual,rcsb]
        [--engine ray]
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import requests
from PIL import Image

from backends import bundles, service
from benchmarks.demo_studio import DemoStudio, demo_studio
from benchmarks.digits import table
from benchmarks.page_visitor import PageEvents, PageVisitor, Refused
from studio import export
from studio.ui.shared import canvas

METHODS = "leapfactual,place,diffeomorphic,ldce,rcsb"
LONG = "place"  # the method that computes longest, which people leave behind who vanish
PATIENCE = 20.0  # seconds for everybody's run to be accepted
FIRST, RATE, FAIR, GROWN, STREAMED, FREE = 8.0, 1.0, 1.5, 0.1, 0.1, 2.0  # asked
SETTLED = 60.0  # seconds after which the memory should stay
EVERY = 5.0  # seconds between two looks at it, each of which costs a tenth of a second of a core
ALONE = 5  # runs of which the cost of streaming is measured


@dataclass
class Seen:
    """What the visitors saw together; times in seconds."""

    first_frames: list[float] = field(default_factory=list)
    runs: list[float] = field(default_factory=list)
    finished: dict[int, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    """A picture of the bundle, and how its run's answer shows it: as a data URL."""

    file: str
    label: str
    shown: str


@functools.cache
def examples() -> tuple[Example, ...]:
    """The bundle's example pictures."""
    bundle = bundles.get("digits")
    found = []
    for one in bundle.own.examples:
        with Image.open(bundle.folder / one.file) as picture:
            prepared = service.prepare("digits", picture)
        found.append(Example(one.file, one.label, canvas.preview(export.as_picture(prepared), 768)))
    return tuple(found)


async def choose(page: PageVisitor, events: PageEvents, example: Example) -> None:
    """Click an example picture."""
    values = events.values("pick_example")
    async for _ in page.send(events.number("pick_example"), [example.file, *values[1:]]):
        pass


async def use(
    studio: DemoStudio, number: int, seen: Seen, until: float, methods: list[str]
) -> None:
    """One person: choose a picture, explain it, look at the answer, until a time."""
    draws, pictures = random.Random(number), examples()
    seen.finished[number] = 0
    async with PageVisitor(studio.address, f"10.1.{number // 250}.{number % 250 + 1}") as page:
        events = await page.config()
        while time.monotonic() < until:
            example = draws.choice(pictures)
            target = draws.choice([str(d) for d in range(10) if str(d) != example.label])
            method = methods[(number + seen.finished[number]) % len(methods)]
            try:
                await choose(page, events, example)
                await explain(page, events, seen, example, target=target, method=method)
            except (Refused, httpx.HTTPError) as error:
                seen.errors.append(f"{type(error).__name__} {error}")
                continue
            if time.monotonic() < until:
                seen.finished[number] += 1


async def explain(
    page: PageVisitor, events: PageEvents, seen: Seen, example: Example, **asked: Any
) -> None:
    """Press Run, watch, and check that the answer is of one's own picture and target."""
    frame, status = events.place("_explain", "frame"), events.place("_explain", "status")
    answer = events.place("_explain", "counterfactual")
    start, first, told, pair = time.monotonic(), None, "", ""
    async for outputs in page.send(events.number("_explain"), events.values("_explain", **asked)):
        if first is None and "data:image" in json.dumps(outputs[frame]):
            first = time.monotonic() - start
        told, pair = _text(outputs[status]) or told, _text(outputs[answer]) or pair
    if not pair:
        raise Refused(f"no answer: {told[:300]}")
    seen.runs.append(time.monotonic() - start)
    seen.first_frames.append(seen.runs[-1] if first is None else first)
    named = (f"“{asked['target']}”", f"P({asked['target']})")  # flipped, or not
    if example.shown not in pair or not any(one in told for one in named):
        whose = "its own" if example.shown in pair else "another"
        seen.mixed.append(f"{example.file} by {asked}: {whose} picture, {told[:300]}")


def _text(output: Any) -> str:
    """What an output says, where it is written whole."""
    if isinstance(output, str):
        return output
    written = output if isinstance(output, list) else []
    whole = (value for _, path, value in written if not path)
    return next((value for value in whole if isinstance(value, str)), "")


async def watch_memory(studio: DemoStudio, seen: Seen) -> None:
    """Note the memory now and then."""
    start = time.monotonic()
    while True:
        seen.memory.append((time.monotonic() - start, studio.memory))
        await asyncio.sleep(EVERY)


async def crowd(studio: DemoStudio, count: int, seconds: float, methods: list[str]) -> Seen:
    """Let so many people use the studio for so long."""
    examples()  # read before anybody waits
    seen, until = Seen(), time.monotonic() + seconds
    watching = asyncio.create_task(watch_memory(studio, seen))
    await asyncio.gather(*(use(studio, n, seen, until, methods) for n in range(count)))
    watching.cancel()
    return seen


async def vanish(studio: DemoStudio, count: int) -> float:
    """Let everybody ask for something long and half of them vanish at once; the seconds until only
    the others' runs are left."""
    pages = [PageVisitor(studio.address, f"10.2.0.{n + 1}") for n in range(count)]
    tasks = []
    for page in pages:
        await page.__aenter__()
    events = await pages[0].config()
    example = examples()[0]

    async def ask(page: PageVisitor) -> None:
        await choose(page, events, example)
        chosen = events.values("_explain", target="9", method=LONG)
        async for _ in page.send(events.number("_explain"), chosen):
            pass

    tasks = [asyncio.create_task(ask(page)) for page in pages]
    until = time.monotonic() + PATIENCE
    while await asyncio.to_thread(studio.going) < count and time.monotonic() < until:
        await asyncio.sleep(0.2)
    gone = pages[: count // 2]
    start = time.monotonic()
    for task in tasks[: count // 2]:
        task.cancel()
    await asyncio.gather(*(page.vanish() for page in gone))
    while await asyncio.to_thread(studio.going) > count - len(gone):
        if time.monotonic() - start > PATIENCE:
            break
        await asyncio.sleep(0.05)
    seconds = time.monotonic() - start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*(page.vanish() for page in pages), *tasks, return_exceptions=True)
    return seconds


def streaming(studio: DemoStudio, method: str) -> float:
    """How much longer a run computes while a page shows its frames, as a share."""
    bundle = bundles.get("digits")
    digit = (bundle.folder / bundle.own.examples[0].file).read_bytes()

    def seconds(form: str) -> float:
        asked = {"target": "9", "method": method}
        reply = requests.post(
            f"{studio.address}/api/explain?as={form}", data=asked, files={"image": digit},
            timeout=300, headers={"X-Forwarded-For": "10.3.0.1"},
        )  # fmt: skip
        reply.raise_for_status()
        text = reply.text.rpartition("event: answer\ndata: ")[2] if form == "events" else reply.text
        return float(json.loads(text)["record"]["seconds"])

    seconds("json")
    pairs = [(seconds("json"), seconds("events")) for _ in range(ALONE)]
    plain, streamed = (statistics.median(times) for times in zip(*pairs, strict=True))
    return streamed / plain - 1


def main() -> None:
    """Print each figure beside what is asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--visitors", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--engine", default="auto")
    options = parser.parse_args()
    methods = options.methods.split(",")
    with demo_studio(STUDIO_ENGINE=options.engine) as studio:
        streamed = max(streaming(studio, method) for method in methods)
        seen = asyncio.run(crowd(studio, options.visitors, options.seconds, methods))
        left = studio.going()
        free = asyncio.run(vanish(studio, options.visitors))
    rows = figures(seen, options.seconds, streamed, free, left)
    table("visitors", rows)
    print("finished by visitor:", *sorted(seen.finished.values()), file=sys.stderr)
    for error in [*sorted(set(seen.errors))[:10], *seen.mixed[:10]]:
        print(f"error: {error}", file=sys.stderr)
    sys.exit(0 if all(row["met"] == "yes" for row in rows) else 1)


def figures(
    seen: Seen, seconds: float, streamed: float, free: float, left: int
) -> list[dict[str, object]]:
    """The table."""
    counts = sorted(seen.finished.values())
    early = [m for at, m in seen.memory if at < min(SETTLED, seconds / 2)]
    late = [m for at, m in seen.memory if at >= min(SETTLED, seconds / 2)]
    grown = max(abs(m / early[-1] - 1) for m in late) if early and late else 0.0
    first = statistics.median(seen.first_frames or [seconds])
    fair = counts[-1] / max(counts[0], 1)
    rate = sum(counts) / seconds

    def row(what: str, value: float, asked: str, met: bool) -> dict[str, object]:
        return {"what": what, "measured": value, "asked": asked, "met": "yes" if met else "no"}

    return [
        row("errors", len(seen.errors), "0", not seen.errors),
        row("mixed results", len(seen.mixed), "0", not seen.mixed),
        row("finished runs a second", rate, f"≥ {RATE:g}", rate >= RATE),
        row("first frame, median (s)", first, f"≤ {FIRST:g}", first <= FIRST),
        row("first frame, longest (s)", max(seen.first_frames, default=seconds), "-", True),
        row("a run, median (s)", statistics.median(seen.runs or [seconds]), "-", True),
        row("finished runs, most to least", fair, f"≤ {FAIR:g}", fair <= FAIR),
        row("memory after the first minute, change", grown, f"≤ {GROWN:g}", grown <= GROWN),
        row("streaming, of compute", streamed, f"≤ {STREAMED:g}", streamed <= STREAMED),
        row("runs left when all had gone", left, "0", not left),
        row("half vanish: device free (s)", free, f"≤ {FREE:g}", free <= FREE),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
