"""The environment's variables, read when they are asked for."""

from pathlib import Path

import pytest

from backends import settings as module
from backends.errors import BadInput
from backends.settings import Settings, settings


def test_what_is_set_counts_and_what_is_empty_does_not(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path))
    assert settings().cache == tmp_path
    monkeypatch.setenv("STUDIO_CACHE", "")
    assert settings().cache == module.user_cache()


@pytest.mark.parametrize("port", ["x", "-1", "65536", "1.5"])
def test_a_wrong_port_names_its_variable(monkeypatch, port):
    monkeypatch.setenv("STUDIO_PORT", port)
    with pytest.raises(BadInput, match=r"STUDIO_PORT is .*65535"):
        settings()


def test_a_space_listens_to_all(monkeypatch):
    monkeypatch.delenv("STUDIO_HOST", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert settings().host == "127.0.0.1"
    monkeypatch.setenv("SPACE_ID", "a/b")
    assert settings().host == "0.0.0.0"


def test_the_table_tells_each_variable_and_no_secret(monkeypatch):
    monkeypatch.setenv("STUDIO_DATABASE", "postgresql://ann:se@cret@host/labels")
    monkeypatch.delenv("STUDIO_CHOICES", raising=False)
    table = {name: (value, origin) for name, value, origin in module.rows()}
    assert len(table) == len(Settings.model_fields)
    assert table["STUDIO_DATABASE"] == ("postgresql://ann:***@host/labels", "environment")
    assert table["STUDIO_CHOICES"][1] == "default"
    assert all(field.description for field in Settings.model_fields.values())


def test_one_folder_keeps_all(monkeypatch, tmp_path):
    kept = ("BUNDLES", "CACHE", "CHOICES", "DATABASE", "MODELS", "PARTS")
    for name in kept:
        monkeypatch.delenv(f"STUDIO_{name}")
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path))
    found = settings()
    for name in kept:
        assert tmp_path in Path(str(getattr(found, name.lower()))).parents
    monkeypatch.setenv("STUDIO_MODELS", "elsewhere")
    assert settings().models == Path("elsewhere")
