"""A controller over the tiny bundle, with an engine of its own; what refused commands print."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends import service
from studio.engines.local import LocalEngine
from studio.runs import Runs
from studio.runs.study import Study
from studio.ui.shared.controller import BundleController


@contextmanager
def controller_of(bundle: str | Path, folder: Path) -> Iterator[BundleController]:
    """A controller whose files lie in ``folder``; its engine is closed at the end."""
    engine, results = LocalEngine(), folder / "results"
    runs = Runs(engine, service.explain, service.stopped)
    results.mkdir()
    try:
        yield BundleController(str(bundle), runs, results, Study(folder / "choices.jsonl"))
    finally:
        engine.close()


@pytest.fixture
def controller(tiny, tmp_path):
    with controller_of(tiny, tmp_path) as made:
        yield made


def refusal(outcome: tuple[int, str, str]) -> str:
    """The one line that a refused command printed.

    :param outcome: its exit code, standard output and standard error.
    """
    code, printed, told = outcome
    assert code == 2
    assert printed == ""
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    return told
