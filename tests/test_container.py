"""The container's files say what the studio knows."""

import re
from pathlib import Path

import yaml

from backends.settings import Settings

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_every_setting_exists():
    named = {*re.findall(r"STUDIO_(\w+)=", DOCKERFILE)}
    named |= {
        name.removeprefix("STUDIO_")
        for service in COMPOSE["services"].values()
        for name in service["environment"]
        if name.startswith("STUDIO_")
    }
    assert named == {"HOME", "HOST", "DATABASE", "MODE"}
    assert {name.lower() for name in named} <= set(Settings.model_fields)


def test_user_1000_runs_it_and_one_folder_is_kept():
    (home,) = re.findall(r"STUDIO_HOME=(\S+)", DOCKERFILE)
    assert f"VOLUME {home}" in DOCKERFILE
    assert COMPOSE["services"]["studio"]["volumes"] == [f"kept:{home}"]
    assert "--uid 1000" in DOCKERFILE
    last = [line for line in DOCKERFILE.splitlines() if line.startswith("USER")][-1]
    assert last == "USER studio"
    assert "HEALTHCHECK" in DOCKERFILE


def test_what_is_copied_is_here_and_what_a_checkout_gathers_is_not():
    for line in DOCKERFILE.splitlines():
        if line.startswith("COPY"):
            assert (ROOT / line.split()[-2]).exists()
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv"} <= set(ignored)


def test_the_database_waits_for_a_password_and_the_studio_for_the_database():
    studio, database = COMPOSE["services"]["studio"], COMPOSE["services"]["database"]
    assert "${POSTGRES_PASSWORD:?" in studio["environment"]["STUDIO_DATABASE"]
    assert "${POSTGRES_PASSWORD:?" in database["environment"]["POSTGRES_PASSWORD"]
    assert studio["depends_on"]["database"]["condition"] == "service_healthy"
    assert database["healthcheck"]
