"""The revisions of the label store's tables."""

from __future__ import annotations

from alembic.config import Config
from alembic.script import ScriptDirectory

from studio.labels.store.database import MIGRATIONS

__all__ = ["revisions", "script_config"]


def script_config() -> Config:
    """What Alembic's commands need to find the migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def revisions() -> list[str]:
    """All that this studio knows, the oldest first."""
    script = ScriptDirectory.from_config(script_config())
    return [one.revision for one in script.walk_revisions()][::-1]
