"""A PostgreSQL server of the tests' own: Debian's programs, a folder, a socket and a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from studio.ui.serving import free_port

SCRIPT = Path(__file__).parent / "studio" / "labels" / "find_postgres.sh"


@contextmanager
def server() -> Iterator[str]:
    """The address of an empty cluster, which is gone after the block."""
    found = subprocess.run(["sh", str(SCRIPT)], capture_output=True, text=True, check=True)
    programs = Path(found.stdout.strip())
    # The server refuses to run as root; Debian's packages bring a user for it.
    become: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="studio-postgres-"))
    if become:
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", free_port("127.0.0.1")

    def call(*words: str) -> None:
        subprocess.run(
            [str(programs / words[0]), *words[1:]], check=True, cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **become,
        )  # fmt: skip

    try:
        call("initdb", "-D", str(data), "-A", "trust", "-U", "studio", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}"
        call("pg_ctl", "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield f"postgresql://studio@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
