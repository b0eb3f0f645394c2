"""Kept runs: exact, for a set time, within bounds; a damaged one is skipped."""

import json
from dataclasses import replace

import numpy as np
import pytest

from backends.core import Answer, Frame, Original, Placement, Request
from backends.errors import TooMuch
from studio import export
from studio.runs import Run
from studio.runs.kept import DAY, KeptRuns, usual_store

ME, YOU = "m" * 32, "y" * 32
random = np.random.default_rng(0)


def noise(*shape):
    return random.integers(0, 256, shape, np.uint8)


def answered(number=0, side=8, frames=7):
    picture, answer = noise(side, side, 1), noise(side, side, 1)
    record = {
        "bundle": "tiny", "status": "flipped", "target": "b", "settings": {"steps": 3},
        "factual": {"label": "a", "probabilities": {"a": 0.9, "b": 0.1}},
        "alternatives": {"standard": {"step": 2}},
    }  # fmt: skip
    original = Original(b"a file", 2, (0.5, 1.5), {"size": [9, 9]}, 3)
    place = Placement((9, 9), (0.0, 0.5, 8.0, 8.5), 1.5)
    other = Answer(
        picture, noise(side, side, 1), noise(side, side), {"step": 2}, original=original,
        placement=place,
    )  # fmt: skip
    found = Answer(
        picture, answer, noise(side, side), record, reconstruction=noise(side, side, 1),
        importance=random.normal(size=(side, side)), alternatives={"standard": other},
        latent=random.normal(size=4).astype(np.float32), original=original, placement=place,
    )  # fmt: skip
    request = Request(
        "tiny", "leapfactual", "b", picture, "painted and auto", noise(side, side),
        {"steps": 3}, number, importance=True, placement=place, original=original,
    )  # fmt: skip
    steps = [
        Frame(i, frames, "leaping", noise(side, side, 1), i / frames, 0.1) for i in range(frames)
    ]
    return Run(request, "page", state="done", frames=steps, answer=found)


class Clock:
    now = 1_000_000.0

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    return KeptRuns(tmp_path / "runs", days=30, clock=clock)


def same(one, other):
    """Whether two runs' questions or answers are equal, arrays to the last bit."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Answer | Request | Frame):
        return all(same(vars(one)[name], vars(other)[name]) for name in vars(one))
    if isinstance(one, dict) and one and isinstance(next(iter(one.values())), Answer):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def test_a_run_comes_back_exactly(store):
    run = answered()
    store.save(run, ME)
    found = store.load(run.id)
    assert same(found.request, run.request)
    assert same(found.answer, run.answer)
    assert all(same(*pair) for pair in zip(found.frames, run.frames, strict=True))
    assert (found.id, found.state) == (run.id, "done")


def test_its_files_are_written_again_byte_for_byte(store, tmp_path):
    run = answered(side=28, frames=150)
    run.answer = replace(run.answer, original=None, placement=None)
    run.request = replace(run.request, original=None, placement=None)
    store.save(run, ME)
    found = store.load(run.id)
    for name, one in (("first", run), ("again", found)):
        export.write(tmp_path / name, one.answer, one.frames)
    for file in (tmp_path / "first").iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_large_frames_are_kept_small_but_all_their_numbers_stay(store):
    run = answered(side=512, frames=40)
    store.save(run, ME)
    found = store.load(run.id)
    assert [f.target_probability for f in found.frames] == [
        f.target_probability for f in run.frames
    ]
    assert max(found.frames[0].picture.shape) <= 128


def test_a_visitor_sees_their_own_newest_first(store):
    mine, yours = [answered(), answered()], answered()
    for run in mine:
        store.save(run, ME)
    store.save(yours, YOU)
    assert [kept.id for kept in store.of(ME)] == [mine[1].id, mine[0].id]
    kept = store.of(YOU)[0]
    assert (kept.source, kept.target, kept.status, kept.method) == (
        "a", "b", "flipped", "leapfactual",
    )  # fmt: skip
    assert kept.thumbnail.read_bytes().startswith(b"\x89PNG")
    assert store.of("") == []


def test_whoever_has_the_id_sees_it_but_only_its_visitor_deletes_it(store):
    run = answered()
    store.save(run, ME)
    assert not store.delete(run.id, YOU)
    assert not store.delete(run.id, "")
    assert store.load(run.id)
    assert store.delete(run.id, ME)
    assert store.load(run.id) is None
    assert store.of(ME) == []


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "nobody-has-this-one-22"])
def test_an_id_names_no_other_folder(store, tmp_path, name):
    store.save(answered(), ME)
    assert store.load(name) is None
    assert not store.delete(name, ME)
    assert len(store.of(ME)) == 1


def test_the_visitors_token_is_not_on_the_disk(store):
    store.save(answered(), ME)
    for path in store.folder.rglob("*"):
        assert ME not in str(path)
        assert path.is_dir() or ME.encode() not in path.read_bytes()


def test_runs_go_after_their_days(store, clock):
    old, new = answered(), answered()
    store.save(old, ME)
    clock.now += 29 * DAY
    store.save(new, ME)
    assert len(store.of(ME)) == 2
    clock.now += 2 * DAY
    assert [kept.id for kept in store.of(ME)] == [new.id]
    assert store.load(old.id) is None
    store.save(answered(), YOU)
    assert old.id in {path.name for path in store.folder.glob("*/*")}, (
        "the disk's own clock decides"
    )


def test_zero_days_keep_nothing(tmp_path):
    store = KeptRuns(tmp_path / "runs", days=0)
    store.save(answered(), ME)
    assert not (tmp_path / "runs").exists()


def test_a_visitors_oldest_go_when_there_are_too_many(tmp_path, clock):
    first = KeptRuns(tmp_path / "a", clock=clock)
    first.save(answered(), ME)
    size = first.of(ME)[0].size
    store = KeptRuns(tmp_path / "b", visitor_bytes=int(2.5 * size), clock=clock)
    yours = answered()
    store.save(yours, YOU)
    mine = [answered() for _ in range(4)]
    for run in mine:
        store.save(run, ME)
    assert [kept.id for kept in store.of(ME)] == [mine[3].id, mine[2].id]
    assert [kept.id for kept in store.of(YOU)] == [yours.id]


def test_everybodys_oldest_go_when_all_are_too_many(tmp_path, clock):
    first = KeptRuns(tmp_path / "a", clock=clock)
    first.save(answered(), ME)
    size = first.of(ME)[0].size
    store = KeptRuns(tmp_path / "b", all_bytes=int(2.5 * size), clock=clock)
    yours = answered()
    store.save(yours, YOU)
    for _ in range(3):
        clock.now += 3600
        store.save(answered(), ME)
    assert store.of(YOU) == []
    assert len(store.of(ME)) == 2


@pytest.mark.parametrize("limit", ["visitor_bytes", "all_bytes"])
def test_one_too_large_is_refused_and_nobodys_go_for_it(tmp_path, clock, limit):
    first = KeptRuns(tmp_path / "a", clock=clock)
    first.save(answered(), ME)
    most = {limit: int(2.5 * first.of(ME)[0].size)}
    store = KeptRuns(tmp_path / "b", clock=clock, **most)
    mine, yours = answered(), answered()
    store.save(mine, ME)
    store.save(yours, YOU)
    clock.now += 3600
    large = answered(side=256)
    with pytest.raises(TooMuch, match=r"at most .* MB of each visitor are kept; download it"):
        store.save(large, ME)
    assert store.load(large.id) is None
    assert [kept.id for kept in store.of(ME)] == [mine.id]
    assert [kept.id for kept in store.of(YOU)] == [yours.id]
    assert len(list(store.folder.glob("*/*"))) == 2, "nothing of it stays on the disk"


@pytest.mark.parametrize("name", ["run.json", "arrays.npz", "frames.npz", "summary.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04rubbish", None])
def test_a_damaged_run_is_skipped(store, name, content):
    damaged, whole = answered(), answered()
    for run in (damaged, whole):
        store.save(run, ME)
    (place,) = store.folder.glob(f"*/{damaged.id}")
    if content is None:
        (place / name).unlink()
    else:
        (place / name).write_bytes(content)
    assert store.load(damaged.id) is None
    assert whole.id in [kept.id for kept in store.of(ME)]
    assert store.load(whole.id)


def test_nothing_is_unpickled(store, tmp_path):
    run = answered()
    store.save(run, ME)
    (place,) = store.folder.glob(f"*/{run.id}")

    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    np.savez(place / "arrays.npz", picture=np.array([Trap()], dtype=object))
    assert store.load(run.id) is None
    assert not (tmp_path / "sprung").exists()


def test_half_a_run_is_never_seen(store, monkeypatch):
    monkeypatch.setattr("studio.runs.run_files._thumbnail", lambda answer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.save(answered(), ME)
    assert store.of(ME) == []
    assert list(store.folder.glob("*/*")) == []


def test_the_settings_say_where_and_how_long(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path))
    monkeypatch.delenv("STUDIO_RUNS", raising=False)
    monkeypatch.setenv("STUDIO_KEEP_DAYS", "3")
    store = usual_store()
    assert (store.folder, store.days) == (tmp_path / "runs", 3)


def test_json_of_a_kept_run_is_plain(store):
    run = answered()
    store.save(run, ME)
    (place,) = store.folder.glob(f"*/{run.id}")
    assert json.loads((place / "run.json").read_text())["request"]["seed"] == 0
