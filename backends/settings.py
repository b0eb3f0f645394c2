"""Every environment variable ``STUDIO_*``, read when it is asked for, and the folders that follow
from them."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from backends.errors import BadInput

__all__ = ["Settings", "on_a_space", "rows", "settings", "user_cache", "user_data"]

NAME = "counterfactual-studio"
PREFIX = "STUDIO_"
# What something here follows from.
READ = (PREFIX, "SPACE_", "HOME", "XDG_", "OAUTH_", "OPENID_")


def user_data() -> Path:
    """``STUDIO_HOME``, else the folder where the system keeps a person's data of this program; it
    need not exist."""
    home = os.environ.get(f"{PREFIX}HOME")
    return Path(home) if home else user_data_path(NAME)


def user_cache() -> Path:
    """``cache`` in ``STUDIO_HOME``, else the folder where the system keeps what this program can
    make or fetch again."""
    home = os.environ.get(f"{PREFIX}HOME")
    return Path(home) / "cache" if home else user_cache_path(NAME)


def on_a_space() -> bool:
    """Whether this runs on a Hugging Face Space."""
    return "SPACE_ID" in os.environ


def _default_host() -> str:
    """All addresses on a Space, which forwards from outside; else this machine's."""
    return "0.0.0.0" if on_a_space() else "127.0.0.1"  # nosec B104 # a Space forwards from outside


class Settings(BaseSettings):
    """What the environment says; an empty variable counts as none."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    host: str = Field(default_factory=_default_host, description="Address that app.py listens on")
    port: int = Field(
        7860, ge=0, le=65535, description="Port of app.py; a number from 0 to 65535, 0 a free one"
    )
    bundle: str = Field("digits", description="Bundle that app.py opens")
    engine: str = Field("auto", description="Engine of app.py: auto, local, ray, or zero (ZeroGPU)")
    mode: Literal["auto", "private", "team", "demo"] = Field(
        "auto",
        description="Who may do what: private, team, demo, or auto: team where people log in, "
        "private on this machine's own address, else demo",
    )
    users: Path | None = Field(
        None, description="File of the people who log in, made by: studio users add NAME"
    )
    user_header: str = Field(
        "", description="Header in which a reverse proxy names the user, such as X-Forwarded-User"
    )
    administrators: str = Field(
        "", description="Names of the people who administer the studio, with commas"
    )
    openid_issuer: str = Field(
        "", description="Address of an OpenID Connect provider with which people log in"
    )
    openid_client: str = Field("", description="The studio's client id at that provider")
    openid_secret: SecretStr = Field(
        SecretStr(""), description="The studio's client secret at that provider"
    )
    openid_claim: str = Field(
        "preferred_username", description="What of a login is the person's name here"
    )
    address: str = Field(
        "", description="Address by which people call the studio, such as https://studio.org"
    )
    proxies: str = Field(
        default_factory=lambda: "127.0.0.1,::1,10.0.0.0/8" if on_a_space() else "127.0.0.1,::1",
        description="Addresses or networks of the proxies whose headers are trusted, with commas",
    )
    address_runs: int = Field(
        8,
        ge=0,
        description="Most unfinished runs of an address in a demo; 0 is no limit",
    )
    address_requests: int = Field(
        30,
        ge=0,
        description="Most requests of an address per second in a demo, averaged over ten seconds; "
        "0 is no limit",
    )
    budget_minutes: int = Field(
        10, ge=1, description="Minutes for which the budgets of a demo or a team are counted"
    )
    visitor_seconds: int = Field(
        300,
        ge=0,
        description="Most seconds of the device that a login or an address takes in that time; "
        "0 is no limit",
    )
    visitor_megapixels: int = Field(
        2000,
        ge=0,
        description="Most megapixels of pictures that it sends in that time; 0 is no limit",
    )
    visitor_pages: int = Field(
        40, ge=0, description="Most open pages of a login or an address; 0 is no limit"
    )
    idle_minutes: int = Field(
        10, ge=1, description="Minutes after which a page that gives no sign of life is closed"
    )
    upload_megabytes: int = Field(
        2000,
        ge=1,
        description="Most that uploads and files to download may take; the oldest go first",
    )
    sessions: int = Field(
        300,
        ge=1,
        description="Most open pages whose state and picture are kept; the oldest go first",
    )
    step_seconds: int = Field(
        900, ge=1, description="Seconds after which a single step is given up; a whole number"
    )
    workers: int = Field(
        0,
        ge=0,
        description="Most workers on a Ray cluster; 0 is one for each accelerator or core",
    )
    zero_seconds: int = Field(
        60, ge=1, description="Seconds of a ZeroGPU card that a run may take; a whole number"
    )
    log_format: Literal["plain", "json"] = Field(
        "plain", description="plain, or json: a line of JSON for each event, also the end of runs"
    )
    device: str = Field("auto", description="cpu, cuda, mps or auto")
    precision: Literal["float32", "tf32", "bf16", "fp16"] = Field(
        "float32", description="Numbers to compute with: float32, tf32, bf16 or fp16"
    )
    checkpointing: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether large networks compute twice to need less memory: on, off, or auto, "
        "which is on for cards below 24 GB",
    )
    compiled: bool = Field(
        False, description="Whether large networks are compiled at their first step: true or false"
    )
    home: Path = Field(
        default_factory=user_data,
        description="Folder of all that is kept, unless one of the others says otherwise",
    )
    cache: Path = Field(default_factory=user_cache, description="Folder of fetched parts")
    bundles: Path = Field(
        default_factory=lambda: user_data() / "bundles",
        description="Folder of bundles of one's own pictures",
    )
    models: Path = Field(
        default_factory=lambda: user_data() / "models",
        description="Folder of models that labels were trained to",
    )
    parts: Path = Field(
        default_factory=lambda: user_data() / "parts",
        description="Folder of published checkpoints that were added to bundles",
    )
    database: str = Field(
        default_factory=lambda: str(user_data() / "labels.db"),
        description="File of the labels, or postgresql://user:secret@host/name",
    )
    choices: Path = Field(
        default_factory=lambda: user_data() / "choices.jsonl",
        description="File of people's choices between answers",
    )
    runs: Path = Field(
        default_factory=lambda: user_data() / "runs",
        description="Folder of the answers that visitors of the page find again",
    )
    keep_days: int = Field(
        30, ge=0, description="Days for which those are kept; a whole number, 0 keeps none"
    )
    evaluations: Path = Field(
        default_factory=lambda: user_data() / "evaluations",
        description="Folder of the evaluations that were started on the page",
    )
    evaluation_days: int = Field(
        0, ge=0, description="Days for which those are kept; a whole number, 0 keeps all"
    )
    results_days: int = Field(
        1,
        ge=1,
        description="Days for which a page's uploads and downloads stay; a whole number",
    )
    project_days: int = Field(
        0,
        ge=0,
        description="Days without an answer after which a labelling project is deleted with its "
        "pictures, labels and models; a whole number, 0 keeps all",
    )
    visitor_megabytes: int = Field(
        300, ge=1, description="Most that one visitor's may take; the oldest go first"
    )
    runs_megabytes: int = Field(
        5000, ge=1, description="Most that all of them may take; the oldest go first"
    )


def settings() -> Settings:
    """The environment as it is now.

    :raises BadInput: a variable cannot be what it is.
    """
    # Asked for thousands of times while a page is built, and reading takes a millisecond.
    return _read(tuple(item for item in os.environ.items() if item[0].startswith(READ)))


@functools.lru_cache(maxsize=4)
def _read(_environment: tuple[tuple[str, str], ...]) -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        wanted = Settings.model_fields[name].description
        raise BadInput(
            "{prefix}{name} is {input!r}; set it to: {wanted}",
            prefix=PREFIX,
            name=name.upper(),
            input=first["input"],
            wanted=wanted,
        ) from error


def rows() -> Iterator[tuple[str, str, str]]:
    """Each variable, its value without a secret, and where that is from.

    :raises BadInput: as :func:`settings`.
    """
    found = settings()
    for name in Settings.model_fields:
        value = re.sub(r"(://[^/:@]*):.*@", r"\1:***@", str(getattr(found, name)))
        origin = "environment" if name in found.model_fields_set else "default"
        yield PREFIX + name.upper(), value, origin
