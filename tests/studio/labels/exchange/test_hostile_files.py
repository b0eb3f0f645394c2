"""Damaged files, and files that are made to do harm: a sentence each, and the studio goes on."""

import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from backends.confined import Limits
from backends.errors import BadInput, NotFound
from studio.labels import exchange
from studio.labels.exchange import dataset_folder, importing, unzip
from studio.labels.exchange.allowance import Allowance
from studio.labels.store import pictures, projects, responses
from studio.labels.store.records import Setup
from tests.studio.labels.exchange.hostile import (
    flipped,
    mutations,
    packed,
    refused,
    rezipped,
)
from tests.studio.labels.exchange.test_exchange import refuse, told

ROW = {"item": "a.png", "annotator": "Bob", "value": "one"}
HEAD = {"kind": "project", "project": "ones", "bundle": "digits", "classes": ["one", "seven"]}


@pytest.fixture
def place(tmp_path):
    """One database is enough here: what files hold does not depend on it."""
    return str(tmp_path / "labels.db")


@pytest.fixture
def exported(database, spoken, tmp_path):
    """A format's name -> a folder of that format, with everything in it."""

    def export(form):
        folder = tmp_path / f"as-{form}"
        exchange.export(database, spoken, folder, form, history=True)
        return folder

    return export


@pytest.fixture
def secret(tmp_path, exported):
    """Another project's files, which no import may reach."""
    folder = tmp_path / "secret"
    shutil.move(exported("datasets"), folder)
    (folder / "labels.csv").write_text("item,annotator,value\nsecret.png,secret,one\n")
    (folder / "labels.jsonl").write_text(json.dumps(HEAD | {"project": "secret"}))
    (folder / "tasks.json").write_text("[]")
    return folder


def test_a_damaged_byte_of_arrow_is_a_sentence_or_harmless(exported, elsewhere):
    folder = exported("datasets")
    (path,) = folder.glob("*.arrow")
    whole = path.read_bytes()
    taken = 0
    for at in range(0, len(whole), len(whole) // 25):
        path.write_bytes(flipped(whole, at))
        taken += refused(elsewhere, folder) is None
    assert taken < 25


def fuzzed(exported, tmp_path, each):
    """Damaged copies of one file of every format."""
    parquet = exported("jsonl")
    lines = (parquet / "labels.jsonl").read_bytes()
    folder = exported("datasets")
    (arrow,) = folder.glob("*.arrow")
    with pa.OSFile(str(arrow)) as source, pa.ipc.open_stream(source) as stream:
        pq.write_table(stream.read_all(), tmp_path / "rows.parquet")
    state = {name: (folder / name).read_bytes() for name in ("project.json", "state.json")}
    seeds = {
        "labels.csv": (exported("csv") / "labels.csv").read_bytes(),
        "labels.jsonl": lines,
        "tasks.json": (exported("label-studio") / "tasks.json").read_bytes(),
        "rows.arrow": arrow.read_bytes(),
        "rows.parquet": (tmp_path / "rows.parquet").read_bytes(),
        "project.json": state["project.json"],
        "all.zip": (tmp_path / packed(folder)).read_bytes(),
    }
    for seed, (name, whole) in enumerate(seeds.items()):
        for number, content in enumerate(mutations(whole, each, seed)):
            to = tmp_path / f"{seed}-{number}-{name}"
            if name in ("rows.arrow", "rows.parquet"):
                rezipped(to.with_suffix(".zip"), state | {name: content})
                yield to.with_suffix(".zip")
            elif name == "project.json":
                rest = {"project.json": content, "rows.arrow": seeds["rows.arrow"]}
                yield rezipped(to.with_suffix(".zip"), rest)
            else:
                to.write_bytes(content)
                yield to


@pytest.mark.parametrize("each", [6, pytest.param(43, marks=pytest.mark.slow)])
def test_damage_of_any_kind_gives_only_sentences(exported, tmp_path, elsewhere, each):
    paths = list(fuzzed(exported, tmp_path, each))
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda path: refused(elsewhere, path), paths))
    assert len(found) == 7 * each
    assert sum(text is not None for text in found) > len(found) / 4


def test_a_manifest_in_a_zip_leads_nowhere(exported, secret, tmp_path, elsewhere):
    (arrow,) = secret.glob("*.arrow")
    folder = exported("datasets")
    state = json.loads((folder / "state.json").read_text())
    for name in (str(arrow), f"../../{secret.name}/{arrow.name}", f"..\\..\\{arrow.name}"):
        state["_data_files"] = [{"filename": name}]
        files = {"state.json": state, "dataset_info.json": {}, "project.json": HEAD}
        told_why = refused(elsewhere, rezipped(tmp_path / "x.zip", files))
        assert told_why is not None
        assert "secret" not in told_why
    assert projects.listed(elsewhere) == []


@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl", "tasks.json", "rows.arrow"])
@pytest.mark.parametrize("zipped", [False, True])
def test_a_link_leads_nowhere(secret, tmp_path, elsewhere, name, zipped):
    folder = tmp_path / "given"
    folder.mkdir()
    target = next(secret.glob("*.arrow")) if name == "rows.arrow" else secret / name
    if zipped:
        link = zipfile.ZipInfo(name)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "given.zip", "w") as archive:
            archive.writestr(link, str(target))
        assert refused(elsewhere, tmp_path / "given.zip") is not None
    else:
        (folder / name).symlink_to(target)
        assert refused(elsewhere, folder, bundle="digits", classes=["one", "seven"]) is not None
    assert projects.listed(elsewhere) == []


@pytest.mark.parametrize("reference", ["images/{}.png", "../outside/{}.png", "{}"])
def test_a_picture_outside_is_not_found(tmp_path, elsewhere, reference):
    """By a link, by a path, and by an absolute path."""
    outside = tmp_path / "outside"
    outside.mkdir()
    Image.new("L", (8, 8), 7).save(outside / "secret.png")
    folder = tmp_path / "given"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "secret.png").symlink_to(outside / "secret.png")
    name = str(outside / "secret.png") if reference == "{}" else reference.format("secret")
    task = {
        "data": {"image": name},
        "annotations": [{"result": [
            {"type": "choices", "from_name": "c", "value": {"choices": ["one"]}}
        ]}],
    }  # fmt: skip
    (folder / "tasks.json").write_text(json.dumps([task]))
    with pytest.raises(BadInput, match="is not here"):
        exchange.import_labels(
            elsewhere, "new", folder, bundle="digits", classes=["one", "seven"], prepare=refuse
        )


@pytest.mark.parametrize(
    "name", ["..\\..\\escaped.jsonl", "/escaped.jsonl", "../escaped.jsonl", "C:\\escaped.jsonl"]
)
def test_no_name_leaves_the_folder(tmp_path, name):
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    unzip.unzip(rezipped(tmp_path / "x.zip", {name: b"{}", "labels.jsonl": b"{}"}), place)
    assert not list(tmp_path.glob("escaped*"))
    assert len(list(place.rglob("escaped*"))) == 1


def test_a_folder_that_windows_zipped_is_read(exported, database, tmp_path, elsewhere):
    """Some of its programs write backslashes."""
    folder = exported("jsonl")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in folder.rglob("*"):
            name = f"out\\{str(path.relative_to(folder)).replace('/', chr(92))}"
            archive.writestr(name + chr(92) if path.is_dir() else name,
                             b"" if path.is_dir() else path.read_bytes())  # fmt: skip
    exchange.import_labels(elsewhere, None, tmp_path / "x.zip", prepare=refuse)
    assert told(elsewhere, "ones", history=True) == told(database, "ones", history=True)


def declared(path):
    """Says how large it becomes."""
    rezipped(path, {"labels.jsonl": bytes(70_000_000)})


def undeclared(path):
    """Says that it is small, in both of its directories."""
    rezipped(path, {"labels.jsonl": b" " * 300_000_000})
    size = struct.pack("<I", 300_000_000)
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 1000)))


def nested(path):
    """A zip in a zip in a zip."""
    rezipped(path, {"0.zip": bytes(60_000_000)})
    for number in range(1, 3):
        inner = path.read_bytes()
        rezipped(path, {f"{number}-{n}.zip": inner for n in range(10)})


def overlapping(path):
    """Many names for one content."""
    rezipped(path, {f"{n}": b"" for n in range(400)} | {"labels.jsonl": bytes(1_000_000)})
    whole = path.read_bytes()
    start = whole.index(b"PK\x01\x02")
    last = whole.rindex(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    entry = whole[last:end]
    entries = b"".join(entry.replace(b"labels", b"%06d" % n) for n in range(400))
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 400, 400, len(entries), start, 0)
    path.write_bytes(whole[:start] + entries + tail)


def many_files(path):
    """More files than a folder should have."""
    rezipped(path, {f"{n}.txt": b"" for n in range(unzip.MOST + 1)})


def long_names(path):
    """Names that no disk takes."""
    rezipped(path, {"n" * 60_000: b"", "a/" * 2000 + "x": b""})


def other_methods(path):
    """Whose reader gives everything at once."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("labels.jsonl", bytes(60_000_000))


def many_rows(path):
    """More rows than are taken, in a small file."""
    lines = b"".join(b'{"item":"%d","annotator":"b","value":"one"}\n' % n for n in range(400_000))
    rezipped(path, {"labels.jsonl": json.dumps(HEAD).encode() + b"\n" + lines})


def many_rows_of_parquet(path):
    """A column that is one value, very often."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 3_000_000, pa.int8()), pa.array(["x"]))
    table = pa.table({"item": text, "responses": pa.nulls(3_000_000, pa.list_(pa.string()))})
    pq.write_table(table, path.with_suffix(".parquet"), compression="zstd")
    rezipped(path, {"rows.parquet": path.with_suffix(".parquet").read_bytes()})


BOMBS = [
    declared, undeclared, nested, overlapping, many_files, long_names, other_methods, many_rows,
    many_rows_of_parquet,
]  # fmt: skip
MEASURED = """
import resource, sys
from pathlib import Path
from backends.errors import StudioError
from studio.labels import exchange
from studio.labels.store.database import Database

def peak():
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024

database = Database(sys.argv[1])
before = peak()
try:
    exchange.import_labels(database, None, Path(sys.argv[2]))
except StudioError as error:
    print(error)
print(peak() - before)
"""


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_a_bomb_costs_the_studio_no_memory(tmp_path, bomb):
    path = tmp_path / "bomb.zip"
    bomb(path)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "labels.db", path], capture_output=True,
        text=True, env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)), timeout=100,
        check=True,
    )  # fmt: skip
    *sentence, grown = done.stdout.splitlines()
    assert sentence, "it is refused"
    assert int(grown) < 200_000_000


def test_a_file_that_takes_too_long_is_a_sentence(exported, elsewhere):
    slow = Allowance(process=Limits(seconds=0.01))
    with pytest.raises(BadInput, match="cannot be read: it is damaged, or needs more"):
        exchange.import_labels(elsewhere, None, exported("csv"), allowance=slow)


def test_a_file_of_too_many_people_is_a_sentence(exported, elsewhere):
    with pytest.raises(BadInput, match="names 3 people, and at most 2"):
        exchange.import_labels(elsewhere, None, exported("csv"), allowance=Allowance(people=2))


def test_pictures_that_are_too_large_together_are_a_sentence(exported, elsewhere):
    few = Allowance(pixels=5 * 64)
    with pytest.raises(BadInput, match="pictures are too large together"):
        exchange.import_labels(elsewhere, None, exported("datasets"), allowance=few)


def test_a_manifest_that_names_files_elsewhere_is_not_pushed(exported, secret):
    folder = exported("jsonl").parent / "out"
    shutil.copytree(secret, folder)
    (arrow,) = folder.glob("*.arrow")
    arrow.unlink()
    arrow.symlink_to(secret / arrow.name)
    for name in (arrow.name, str(secret / arrow.name), f"../secret/{arrow.name}"):
        (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
        with pytest.raises(BadInput, match="names a file that is not in it"):
            dataset_folder.push(folder, "lab/ones")


def test_the_right_is_asked_for_before_a_file_is_read(database, spoken, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")

    def nobody(project):
        assert project.id == spoken.id
        raise BadInput("not you")

    with pytest.raises(BadInput, match="not you"):
        exchange.import_labels(database, "ones", tmp_path / "x.zip", permit=nobody)


def test_a_project_that_was_made_meanwhile_takes_no_strangers_answers(
    exported, elsewhere, monkeypatch
):
    """Made between the file's reading and the transaction."""
    match = importing.match_pictures

    def slow(*arguments):
        found = match(*arguments)
        setup = Setup(name="ones", bundle="digits", classes=["one", "seven"])
        projects.create(elsewhere, setup, "Owner")
        return found

    def strangers(project):
        if project is not None:
            raise BadInput("not you")

    monkeypatch.setattr(importing, "match_pictures", slow)
    with pytest.raises(BadInput, match=r"not you|somebody else"):
        exchange.import_labels(elsewhere, None, exported("jsonl"), permit=strangers)
    project = projects.find(elsewhere, "ones")
    assert responses.standing(elsewhere, project) == []
    assert pictures.items(elsewhere, project) == []
    assert [person.name for person in projects.people(elsewhere, project)] == ["Owner"]


def test_a_right_that_went_while_the_file_was_read_is_none(database, spoken, exported, monkeypatch):
    rights = {spoken.name}
    match = importing.match_pictures

    def slow(*arguments):
        rights.clear()
        return match(*arguments)

    def permit(project):
        if project.name not in rights:
            raise BadInput("not you any more")

    monkeypatch.setattr(importing, "match_pictures", slow)
    before = told(database, "ones", history=True)
    folder = exported("jsonl")
    text = (folder / "labels.jsonl").read_text().replace('"seconds": 1.25', '"seconds": 9')
    (folder / "labels.jsonl").write_text(text.replace("second line", "third line"))
    with pytest.raises(BadInput, match="not you any more"):
        exchange.import_labels(database, "ones", folder, permit=permit)
    assert told(database, "ones", history=True) == before


@pytest.mark.parametrize("form", ["xml", ""])
def test_a_format_is_known_before_a_file_is_read(tmp_path, elsewhere, form):
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises((BadInput, NotFound), match=r"no format 'xml'|does not tell its format"):
        exchange.import_labels(elsewhere, None, tmp_path / "x.bin", form or None)
