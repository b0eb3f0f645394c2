"""Whatever a field is called, a sentence about it stays one line."""

import pytest
from fastapi.exceptions import RequestValidationError

from studio.web.field_names import field_name
from studio.web.sentences import refusal


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        (("probabilities", "one"), "probabilities.one"),
        (("probabilities", "one", "[key]"), "probabilities.one"),
        (("items", 0), "items.0"),
        (("two\nlines",), r"'two\nlines'"),
        (("\ud800",), r"'\ud800'"),
        (("x" * 500,), repr("x" * 60)),
        ((), ""),
    ],
)
def test_a_name_is_written_in_one_line(parts, written):
    assert field_name(parts) == written


def test_a_refusal_can_always_be_sent():
    problem = {"loc": ("body", "\ud800"), "type": "extra", "msg": "Value error, half \ud83d"}
    reply = refusal(RequestValidationError([problem]))
    assert reply.status_code == 400
    assert b"half ?" in reply.body
