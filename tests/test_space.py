"""What is uploaded to a Space, and what a Space's page shows."""

import asyncio
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("space", ROOT / ".ci/space.py")
space = importlib.util.module_from_spec(spec)
spec.loader.exec_module(space)


class Hub:
    """Takes down what it is asked."""

    def __init__(self):
        self.made, self.uploaded = {}, {}

    def create_repo(self, name, **asked):
        self.made = {"name": name, **asked}

    def upload_folder(self, **asked):
        self.uploaded = asked


def test_the_upload_is_what_a_space_needs_in_one_commit():
    hub = Hub()
    assert space.upload("me/studio", hub) == "https://huggingface.co/spaces/me/studio"
    assert hub.made["space_sdk"] == "gradio"
    sent = hub.uploaded["allow_patterns"]
    weights = [name for name in sent if name.endswith(".safetensors")]
    assert weights
    assert all((ROOT / name).stat().st_size < 10_000_000 for name in weights)
    head = yaml.safe_load((ROOT / "README.md").read_text().split("---")[1])
    modules = {"backends/core.py", "studio/ui/page.py", "counterfactual_studio/__init__.py"}
    assert modules | {"README.md", head["app_file"], "requirements.txt"} <= set(sent)
    assert not [name for name in sent if name.startswith(("tests/", "benchmarks/", ".ci/"))]


def test_on_a_space_nobody_pushes_with_its_owners_token(monkeypatch, tmp_path):
    from studio.access import AccessPolicy
    from studio.access.rights import HUB
    from studio.labels import exchange
    from studio.labels.exchange import dataset_folder
    from studio.ui.label.exchange import ExchangePanel

    class Labels:
        access = AccessPolicy("private")

        def require_administrator(self, name, held):
            return type("Assignment", (), {"project": "p"})

        def database(self):
            return None

    class First:
        results = tmp_path

    panel = object.__new__(ExchangePanel)
    panel.labels = Labels()
    panel.controllers = type("Controllers", (), {"first": First})
    used = []
    monkeypatch.setattr(exchange, "export", lambda *_, **__: None)
    monkeypatch.setattr(dataset_folder, "push", lambda folder, name, token: used.append(token))
    monkeypatch.setenv("HF_TOKEN", "owner's")
    monkeypatch.delenv("SPACE_ID", raising=False)

    def push(token=""):
        visit = SimpleNamespace(headers={HUB: token} if token else {})
        asyncio.run(panel._pushed(visit, "p", {}, "me/labels"))

    push()
    monkeypatch.setenv("SPACE_ID", "a/b")
    with pytest.raises(Exception, match="own account of the hub"):
        push()
    push("visitor's")
    assert used == ["owner's", "visitor's"]
    monkeypatch.delenv("SPACE_ID")
    for mode in ("team", "demo"):
        panel.labels.access = AccessPolicy(mode)
        with pytest.raises(Exception, match="own account of the hub alone"):
            push()
    push("visitor's")
    assert len(used) == 3
