"""Checksums are remembered between runs of the program, and never outlive what they are of."""

import json
import os

import pytest

from backends.fetching import cache

LONG_AGO = 1_000_000_000


@pytest.fixture
def read(monkeypatch, tmp_path):
    """The files whose content was read, by a program that has just started at every call."""
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "SETTLED", -LONG_AGO * 10**9)  # nothing is too new to be remembered
    seen, digest = [], cache.digest
    monkeypatch.setattr(cache, "digest", lambda path: seen.append(path) or digest(path))

    def call(path):
        cache._checksum.cache_clear()
        seen.clear()
        return cache.checksum(path), len(seen)

    return call


@pytest.fixture
def part(tmp_path):
    path = tmp_path / "part.safetensors"
    path.write_bytes(b"weights")
    return path


def test_an_unchanged_file_is_read_once(read, part):
    value, times = read(part)
    assert times == 1
    assert read(part) == (value, 0)


def test_a_change_of_the_same_size_and_time_is_found(read, part):
    found = part.stat()
    value, _ = read(part)
    part.write_bytes(b"damaged")
    os.utime(part, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert read(part) == (cache.digest(part), 1)
    assert cache.digest(part) != value


def test_a_file_put_in_its_place_is_found(read, part, tmp_path):
    read(part)
    (tmp_path / "other").write_bytes(b"wei9hts")
    (tmp_path / "other").replace(part)
    assert read(part)[1] == 1


def test_what_was_changed_moments_ago_is_read_again(read, part, monkeypatch):
    monkeypatch.setattr(cache, "SETTLED", 10**12)
    read(part)
    assert read(part)[1] == 1


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 3}', b"\xff"])
def test_damaged_notes_are_made_anew(read, part, tmp_path, content):
    (tmp_path / "cache").mkdir()
    notes = tmp_path / "cache" / "checksums.json"
    notes.write_bytes(content)
    value, times = read(part)
    assert times == 1
    assert [entry["sha256"] for entry in json.loads(notes.read_bytes()).values()] == [value]
    assert [path.name for path in notes.parent.iterdir()] == [notes.name]


def test_a_cache_that_cannot_be_written_costs_time_only(read, part, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert read(part) == (cache.digest(part), 1)
