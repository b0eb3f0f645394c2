"""The cache of latents: a convenience that may fail and does not grow for ever."""

import os

import numpy as np
import pytest

from backends.bundles import latent_cache

PRIOR = "0123456789abcdef"


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def picture(i):
    return np.full((4, 4, 3), i, np.uint8)


def test_a_cache_that_cannot_be_written_is_done_without(root):
    root.write_text("a file where the folder should be")
    latent_cache.remember(PRIOR, picture(0), np.ones(3))
    assert latent_cache.recall(PRIOR, picture(0)) is None


def test_a_full_disk_leaves_no_broken_latent(root, monkeypatch):
    def save(file, *_, **__):
        file.write(b"the beginning")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", save)
    latent_cache.remember(PRIOR, picture(0), np.ones(3))
    assert latent_cache.recall(PRIOR, picture(0)) is None
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_the_oldest_are_forgotten(root, monkeypatch):
    monkeypatch.setattr(latent_cache, "KEPT", 3)
    for i, prior in enumerate([PRIOR, PRIOR[::-1], PRIOR, PRIOR, PRIOR]):
        latent_cache.remember(prior, picture(i), np.full(3, i))
        newest = max(root.rglob("*.npy"), key=lambda p: p.stat().st_mtime_ns)
        os.utime(newest, ns=(i, i))
    found = [latent_cache.recall(PRIOR, picture(i)) for i in range(5)]
    assert [None if w is None else w.tolist() for w in found] == [
        None,
        None,
        *([i] * 3 for i in (2, 3, 4)),
    ]
    assert latent_cache.recall(PRIOR[::-1], picture(1)) is None
