"""Files appear whole, or not at all."""

from pathlib import Path

import pytest

from backends.files import atomic_folder, atomic_write, require_writable, scratch_folder


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as scratch:
        scratch.write_text("one")
        assert not path.exists()
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_an_error_leaves_the_earlier_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")

    def interrupted():
        with atomic_write(path) as scratch:
            scratch.write_text("tw")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_share_a_scratch_file(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as first, atomic_write(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # whose block ended last


def test_a_folder_takes_an_empty_ones_place_when_it_is_complete(tmp_path):
    folder = tmp_path / "new" / "a"
    folder.mkdir(parents=True)
    with atomic_folder(folder) as scratch:
        (scratch / "b").mkdir()
        assert not list(folder.iterdir())
    assert [p.name for p in folder.parent.rglob("*")] == ["a", "b"]


def test_an_error_leaves_no_folder(tmp_path):
    def interrupted():
        with atomic_folder(tmp_path / "a") as scratch:
            (scratch / "b").write_text("b")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_the_folder_that_one_works_in_has_a_name_too(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with scratch_folder(Path()) as scratch:
        assert scratch.parent == tmp_path
    with scratch_folder(Path(), inside=True) as scratch:
        assert scratch.parent == folder
        assert scratch.name.startswith(".")
    assert [p.name for p in tmp_path.rglob("*")] == ["here"]


def test_whether_a_folder_can_be_written_is_told_without_a_trace(tmp_path):
    require_writable(tmp_path)
    require_writable(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_that_cannot_be_made_is_named():
    with pytest.raises(OSError, match="/proc/nope/a") as told:
        require_writable(Path("/proc/nope/a"))
    assert told.value.filename == "/proc/nope/a"
