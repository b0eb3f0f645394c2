"""A desk over the tiny bundle, with an engine of its own."""

import pytest

from backends import service
from studio.engines.local import LocalEngine
from studio.runs import Runs
from studio.runs.study import Study
from studio.ui.shared.controller import Desk


@pytest.fixture
def desk(tiny, tmp_path):
    engine = LocalEngine()
    runs, results = Runs(engine, service.explain, service.stopped), tmp_path / "results"
    results.mkdir()
    yield Desk(tiny, runs, results, Study(tmp_path / "choices.jsonl"))
    engine.close()
