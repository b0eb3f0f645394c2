"""An answer of the tiny bundle with a region, and what its bundle says of itself."""

import pytest

from backends import service
from backends.core import Answer
from studio.export.answer_report import answer_report


@pytest.fixture
def answered(ask):
    """An answer and the frames before it."""
    *frames, answer = service.explain(ask("leapfactual", region="box:2,2,14,12", importance=True))
    assert isinstance(answer, Answer)
    return answer, frames


@pytest.fixture
def about(tiny):
    return service.about(tiny)


@pytest.fixture
def report(answered, about):
    return answer_report(*answered, about)
