"""The snippets of docs/deployment.md are right: settings that exist, units and files that parse."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backends.settings import Settings
from studio.api.routes import LONGEST
from studio.labels.api import FILES_LONGEST

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/deployment.md").read_text()
OTHERS = {"STUDIO_PASSWORD"}  # read by one command alone


def snippet(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return found


def test_every_setting_that_is_named_exists():
    texts = [TEXT, (ROOT / "SECURITY.md").read_text(), (ROOT / "docs/command-line.md").read_text()]
    named = {name for text in texts for name in re.findall(r"\bSTUDIO_[A-Z_]+\b", text)}
    known = {f"STUDIO_{name.upper()}" for name in Settings.model_fields}
    assert named - OTHERS <= known


def test_defaults_in_the_table_are_the_settings():
    rows = dict(re.findall(r"^\| `STUDIO_(\w+)` \| (\d+) \|", TEXT, re.MULTILINE))
    assert set(rows) == {"KEEP_DAYS", "EVALUATION_DAYS", "RESULTS_DAYS", "PROJECT_DAYS"}
    for name, days in rows.items():
        assert Settings.model_fields[name.lower()].default == int(days)


def test_the_unit_is_one(tmp_path):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(snippet("ini"))
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    assert set(service["SuccessExitStatus"].split()) == {"130", "143"}
    assert service["ExecStart"].split() == ["/opt/studio/.venv/bin/python", "/opt/studio/app.py"]
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not here")
    file = tmp_path / "studio.service"
    file.write_text(snippet("ini").replace("/opt/studio/.venv/bin/python", "/bin/sh"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True
    )
    told = [line for line in done.stderr.splitlines() if "studio.service" in line]
    assert told == []


def test_nginx_lets_through_what_the_studio_takes():
    location = snippet("nginx")
    assert location.count("{") == location.count("}") == 1
    for line in location.splitlines()[1:-1]:
        assert line.partition("#")[0].strip().endswith(";"), line
    most = int(re.search(r"client_max_body_size (\d+)m;", location)[1]) * 1_000_000
    imports = int(re.search(r"# (\d+)m where labels are imported", location)[1]) * 1_000_000
    assert most >= LONGEST
    assert imports >= FILES_LONGEST


def test_the_ports_are_those_that_are_served():
    port = str(Settings.model_fields["port"].default)
    assert f"proxy_pass http://127.0.0.1:{port};" in TEXT
    assert f"-p {port}:{port}" in TEXT
    assert f"EXPOSE {port}" in (ROOT / "Dockerfile").read_text()
