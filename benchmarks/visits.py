"""A day's visits in minutes: does a demo's memory and disk stay as they are?

Each of the sessions opens the page, asks what the model says of a digit, and of every fourth has it
explained; then it leaves, or vanishes without a word. Half keep a heartbeat, as browsers do, half
keep none. Ends with 1 where memory or disk have grown after the first tenth.

    python -m benchmarks.visits [--sessions 5000]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator

import httpx

from benchmarks.demo_studio import DemoStudio, demo_studio
from benchmarks.digits import table
from benchmarks.page_visitor import PageEvents, PageVisitor, Refused
from benchmarks.visitors import choose, examples

AT_ONCE = 8  # sessions
EXPLAINED = 4  # every which session also asks for a counterfactual
MEASURED = 0.1  # share of the sessions after which nothing should grow
GROWN, LITTLE = 0.1, 5.0  # share by which it may, or megabytes
SETTLE = 75.0  # seconds in which what is idle is closed
# Of a day in a quarter of an hour: what is kept for ten minutes, or days, there.
COMPRESSED = {"STUDIO_IDLE_MINUTES": "1", "STUDIO_RUNS_MEGABYTES": "20"}


async def visit(studio: DemoStudio, number: int, seen: Counter[str]) -> None:
    """One session, at an address of its own."""
    beats, address = number % 2 == 0, f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    page = PageVisitor(studio.address, address, beats)
    await page.__aenter__()
    try:
        events = await page.config()
        example = examples()[number % len(examples())]
        await choose(page, events, example)
        if number % EXPLAINED == 0:
            await _explain(page, events, number)
        seen["done"] += 1
    except (Refused, httpx.HTTPError) as error:
        seen[f"{type(error).__name__}: {error}"[:120]] += 1
    finally:
        await page.vanish()


async def _explain(page: PageVisitor, events: PageEvents, number: int) -> None:
    """Ask for a counterfactual; every second such visitor does not wait for it."""
    values = events.values("_explain", target=str(number // EXPLAINED % 10))
    async for _ in page.send(events.number("_explain"), values):
        if number % (2 * EXPLAINED) == 0:
            return


async def visits(studio: DemoStudio, numbers: Iterator[int], seen: Counter[str]) -> None:
    """Let the sessions come, some at a time."""

    async def some() -> None:
        for number in numbers:
            await visit(studio, number, seen)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def main() -> None:
    """Print memory and disk after the first sessions and after all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=5000)
    options = parser.parse_args()
    examples()
    first = round(options.sessions * MEASURED)
    seen: Counter[str] = Counter()
    with demo_studio(**COMPRESSED) as studio:
        begun, states = time.monotonic(), []
        numbers = iter(range(1, options.sessions + 1))
        for count in (first, options.sessions - first):
            asyncio.run(visits(studio, itertools.islice(numbers, count), seen))
            states.append((studio.memory, studio.disk))
        seconds = time.monotonic() - begun
        time.sleep(SETTLE)
        states.append((studio.memory, studio.disk))
    early, late, quiet = states
    rows: list[dict[str, object]] = [
        {
            "what": what, f"after {first}": early[i], f"after {options.sessions}": late[i],
            "a minute later": quiet[i], "grown (MB)": late[i] - early[i],
            "asked": f"≤ {allowed(early[i]):.1f}",
        }
        for i, what in enumerate(["memory (MB)", "disk (MB)"])
    ]  # fmt: skip
    table("visits", rows)
    print(f"{seen.pop('done', 0)} sessions in {seconds:.0f} s; others: {dict(seen)}")
    sys.exit(1 if seen or any(late[i] - early[i] > allowed(early[i]) for i in range(2)) else 0)


def allowed(before: float) -> float:
    """Megabytes by which something may grow."""
    return max(GROWN * before, LITTLE)


if __name__ == "__main__":
    main()
