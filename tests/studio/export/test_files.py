"""Folders of results: complete or not at all, and nothing of a person's is lost in them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from studio import export


@pytest.fixture
def mounted(tmp_path):
    """A folder that is a disk of its own, as a container's volume is."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1000000", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user cannot mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder):
    with export.at_once(folder) as scratch:
        (scratch / "table.csv").write_text("new")
        (scratch / "below").mkdir()
        (scratch / "below" / "a.txt").write_text("new")
        return scratch


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_folder_that_one_works_in_is_filled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fill(Path())
    assert names(tmp_path) == ["below", "below/a.txt", "table.csv"]


def test_a_folder_that_is_there_is_filled_from_within(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    assert fill(folder).parent == folder, "the folder around it may not be written"
    assert names(folder) == ["below", "below/a.txt", "table.csv"]


def test_a_folder_on_another_disk_is_filled(mounted):
    (mounted / "table.csv").write_text("old")
    fill(mounted)
    assert names(mounted) == ["below", "below/a.txt", "table.csv"]
    assert (mounted / "table.csv").read_text() == "new"


@pytest.mark.parametrize("there", [True, False])
def test_an_error_leaves_the_folder_as_it_was(tmp_path, there):
    folder = tmp_path / "out"
    if there:
        folder.mkdir()
    before = names(tmp_path)

    def interrupted():
        with export.at_once(folder) as scratch:
            (scratch / "table.csv").write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == before


def test_only_an_answer_removes_what_an_earlier_answer_left(tmp_path, answered):
    kept = ("latent.npy", "report.pdf", "importance.png", "alternative_a.png", "notes.txt")
    for name in kept:
        (tmp_path / name).write_bytes(b"mine")
    fill(tmp_path)
    assert set(kept) <= set(names(tmp_path))
    answer, frames = answered
    export.write(tmp_path, answer, frames)
    assert (tmp_path / "notes.txt").read_bytes() == b"mine"
    assert not (tmp_path / "report.pdf").exists()
    assert not (tmp_path / "alternative_a.png").exists()
