import importlib.util

import pytest

from backends.errors import MissingPart
from studio.labels.store import database


def test_postgresql_without_its_package_is_one_sentence(monkeypatch):
    there = importlib.util.find_spec
    monkeypatch.setattr(database, "find_spec", lambda n: None if n == "psycopg" else there(n))
    with pytest.raises(MissingPart, match=r"run: pip install .counterfactual-studio\[postgres\]"):
        database._url("postgresql://user:secret@host/name")
