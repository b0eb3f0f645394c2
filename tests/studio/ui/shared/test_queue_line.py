"""What a waiting person is told of the others."""

import pytest

from studio.runs.place import QueuePlace
from studio.ui.shared.queue_line import turns_note, waiting_note


@pytest.mark.parametrize(
    ("place", "waiting", "going"),
    [
        (QueuePlace(0, 1, 4.0), "", ""),
        (QueuePlace(0, 1, None), "", ""),
        (QueuePlace(1, 1, 8.0), "done in about 8 s", ""),
        (
            QueuePlace(0, 3, 11.6),
            "3 people are served in turns · done in about 12 s",
            "3 people are served in turns",
        ),
        (QueuePlace(0, 2, None), "2 people are served in turns", "2 people are served in turns"),
    ],
)
def test_others_are_told_where_there_are_some(place, waiting, going):
    assert waiting_note(place) == waiting
    assert turns_note(place) == going
