"""Upload the studio to a Hugging Face Space, made if there is none: make space SPACE=owner/name

Weights are binary, so that only the hub's client can bring them there; what git does not track, and
what only development needs, stays here. Log in first: hf auth login.
"""

import subprocess
import sys
from pathlib import Path

from huggingface_hub import HfApi

ROOT = Path(__file__).parent.parent
DEVELOPMENT = (".ci/", ".dockerignore", ".pre-commit", "benchmarks/", "tests/", "Makefile")


def files() -> list[str]:
    """What a Space needs of the checkout."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    return [name for name in tracked if name and not name.startswith(DEVELOPMENT)]


def upload(space: str, api: HfApi) -> str:
    """Make the Space what the checkout is, in one commit; its address."""
    api.create_repo(space, repo_type="space", space_sdk="gradio", exist_ok=True)
    api.upload_folder(
        repo_id=space, repo_type="space", folder_path=ROOT, allow_patterns=files(),
        delete_patterns="*", commit_message="Upload the studio",
    )  # fmt: skip
    return f"https://huggingface.co/spaces/{space}"


if __name__ == "__main__":
    if len(sys.argv) != 2 or "/" not in sys.argv[1]:
        sys.exit("error: say which Space: make space SPACE=owner/name")
    print(upload(sys.argv[1], HfApi()))
