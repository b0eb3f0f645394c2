"""Sentences are texts that remember what they were made of."""

import copy
import json
import pickle

import pytest

from backends.errors import BadInput, StudioError
from backends.sentences import Sentence, joined

GERMAN = {
    "{count} pictures": "{count} Bilder", "no {name!r}": "kein {name!r}", " or ": " oder ",
    "it failed: {why}": "Fehler: {why}", "cat": "Katze",
}  # fmt: skip


def german(sentence):
    return sentence.translated(lambda text: GERMAN.get(text, text))


def test_it_is_the_english_text():
    one = Sentence("{count} pictures", count=3)
    assert one == "3 pictures"
    assert json.dumps({"text": one}) == '{"text": "3 pictures"}'
    assert german(one) == "3 Bilder"


def test_without_values_nothing_is_filled():
    assert Sentence("a set {1, 2}") == german(Sentence("a set {1, 2}")) == "a set {1, 2}"


def pickled(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled])
def test_it_travels_whole(again):
    text = joined(" or ", (Sentence("no {name!r}", name="it's"), Sentence("cat").capitalized))
    assert again(text) == text == 'no "it\'s" or Cat'
    assert german(again(text)) == 'kein "it\'s" oder Katze'
    error = again(BadInput("it failed: {why}", why=text))
    assert str(error) == f"it failed: {text}"
    assert german(str(error)) == 'Fehler: kein "it\'s" oder Katze'


def test_an_error_inside_another_is_translated_too():
    inner = BadInput("no {name!r}", name="a")
    outer = StudioError("it failed: {why}", why=inner)
    assert str(outer) == "it failed: no 'a'"
    assert german(str(outer)) == "Fehler: kein 'a'"
    assert not any(isinstance(v, Exception) for v in str(outer).values.values())


def test_other_errors_are_values_like_any():
    assert str(BadInput("it failed: {why}", why=OSError("gone"))) == "it failed: gone"


def test_plain_messages_stay():
    assert str(BadInput("100 % {sure}")) == "100 % {sure}"
    assert str(BadInput()) == ""


def test_joining_one_and_none():
    assert joined(" or ", ()) == ""
    assert german(joined(" or ", (Sentence("cat"),))) == "Katze"
