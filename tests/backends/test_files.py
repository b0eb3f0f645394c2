"""Files appear whole, or not at all."""

import pytest

from backends.files import atomic_write


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
