"""Print requirements.txt from pyproject.toml, the one place of dependencies.

A Hugging Face Space installs requirements.txt before it has the rest of the repository.
"""

from pathlib import Path

import tomllib

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def requirements() -> str:
    """Return the run-time dependencies, one a line, and what a Space may need beside them: its own
    disk does not last, so that labels are kept in a database elsewhere."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    dependencies = [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    return "\n".join(["# Written by `make requirements` from pyproject.toml.", *dependencies, ""])


if __name__ == "__main__":
    print(requirements(), end="")
