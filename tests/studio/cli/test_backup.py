"""All that is kept goes into one file and comes back, whole or not at all."""

import json
import threading
import zipfile

import pytest

from backends import bundles
from backends.bundles import user_models
from studio.access.users import Users
from studio.cli import archive
from studio.labels.store import pictures, projects, responses
from studio.labels.store.database import Database
from studio.labels.store.records import Setup, Submission
from studio.runs.kept import KeptRuns
from tests.conftest import write_tiny
from tests.studio.conftest import refusal
from tests.studio.labels.conftest import drawn
from tests.studio.runs.test_kept import answered

PLACES = ("RUNS", "MODELS", "BUNDLES", "PARTS", "CHOICES", "USERS", "DATABASE")
FILES = {"CHOICES": "choices.jsonl", "USERS": "users.json", "DATABASE": "labels.db"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Let the studio keep everything in a folder of that name."""

    def turn_to(name):
        folder = tmp_path / name
        for place in PLACES:
            monkeypatch.setenv(f"STUDIO_{place}", str(folder / FILES.get(place, place.lower())))
        monkeypatch.setenv("STUDIO_HOME", str(folder))
        return folder

    return turn_to


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "labels.db" not in path.name
    }


@pytest.fixture
def studio(home):
    """A studio that has kept some of everything; its folder, project and administrator."""
    folder = home("first")
    store = Database(str(folder / "labels.db"))
    project, access = projects.create(
        store, Setup(name="ones", bundle="digits", classes=["one", "seven"]), "Ada"
    )
    pictures.add(store, project, drawn(60))
    KeptRuns(folder / "runs").save(answered(), "visitor" * 4)
    write_tiny(folder / "bundles" / "tiny", without=("flow", "text_denoiser"))
    part = bundles.find("tiny").manifest.parts["velocity"]
    model = user_models.Model(
        name="mine", classes=["a", "b", "c"], labels="ones 1 majority", rows=3, settings={},
        learnt_on={}, parts={"mine": part},
    )  # fmt: skip
    user_models.write("tiny", model, {"mine": bundles.find("tiny").part("velocity")})
    Users().with_user("ann", "a long password", True).write(folder / "users.json")
    (folder / "choices.jsonl").write_text('{"choice": "place"}\n')
    (folder / "runs" / ".half.part").mkdir()
    yield folder, store, project, access
    store.close()


def test_everything_comes_back(studio, home, run, tmp_path):
    folder, store, project, access = studio
    item = pictures.items(store, project)[0]
    responses.answer(store, access.annotator, Submission(item.id, "one", "1"))
    code, printed, told = run("backup", tmp_path / "kept.zip")
    assert code == 0, told
    assert set(json.loads(printed)["files"]) == {
        "runs", "models", "bundles", "labels.db", "users.json", "choices.jsonl",
    }  # fmt: skip
    assert (tmp_path / "kept.zip").stat().st_mode & 0o077 == 0
    second = home("second")
    code, _, told = run("restore", tmp_path / "kept.zip")
    assert code == 0, told
    before = contents(folder)
    assert contents(second) == before
    assert any(name.startswith("models/") for name in before)
    again = Database(str(second / "labels.db"))
    found = projects.find(again, "ones")
    assert [r.value for r in responses.standing(again, found)] == ["one"]
    assert projects.enter(again, access.code).name == "Ada"
    assert responses.answer(again, projects.enter(again, access.code), Submission(
        pictures.items(again, found)[1].id, "one", "2")).number == 2  # fmt: skip
    assert user_models.read("tiny")["mine"].rows == 3
    assert Users.read(second / "users.json").check("ann", "a long password")
    assert len(KeptRuns(second / "runs").of("visitor" * 4)) == 1
    left = {path.name for path in (*tmp_path.iterdir(), *second.iterdir())}
    assert not [name for name in left if "part" in name and name != "parts"]


def test_labels_are_those_of_one_moment(studio, home, run, tmp_path):
    """People go on answering; what a backup holds are all answers up to one of them."""
    _, store, project, access = studio
    items, stop, given = pictures.items(store, project), threading.Event(), []

    def answer():
        for number, item in enumerate(items):
            if stop.is_set():
                return
            given.append(number)
            responses.answer(store, access.annotator, Submission(item.id, "one", str(number)))

    thread = threading.Thread(target=answer)
    thread.start()
    while len(given) < 5:
        pass
    code, _, told = run("backup", tmp_path / "kept.zip")
    stop.set()
    thread.join()
    assert code == 0, told
    second = home("second")
    assert run("restore", tmp_path / "kept.zip")[0] == 0
    again = Database(str(second / "labels.db"))
    found = projects.find(again, "ones")
    numbers = [r.number for r in responses.standing(again, found, history=True)]
    assert numbers == list(range(1, found.version + 1))
    assert len(numbers) >= 4


def test_what_is_there_is_put_aside_when_asked(studio, home, run, tmp_path):
    run("backup", tmp_path / "kept.zip")
    folder, store, project, access = studio
    item = pictures.items(store, project)[0]
    responses.answer(store, access.annotator, Submission(item.id, "one", "1"))
    store.close()
    said = refusal(run("restore", tmp_path / "kept.zip"))
    assert "--replace" in said
    assert projects.find(Database(str(folder / "labels.db")), "ones").version == 1
    code, _, told = run("restore", tmp_path / "kept.zip", "--replace")
    assert code == 0, told
    assert projects.find(Database(str(folder / "labels.db")), "ones").version == 0
    aside = Database(str(folder / "labels.db.before-restore"))
    assert projects.find(aside, "ones").version == 1
    assert (folder / "runs.before-restore").is_dir()


def changed(path, to, edit):
    """A copy of a zip; ``edit`` gets names and contents by name."""
    with zipfile.ZipFile(path) as source:
        files = {name: source.read(name) for name in source.namelist()}
    edit(files)
    with zipfile.ZipFile(to, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return to


def told_of(files, /, **changes):
    said = json.loads(files["backup.json"])
    files["backup.json"] = json.dumps(said | changes)
    return said


def damaged(files):
    name = next(name for name in files if name.startswith("runs/"))
    files[name] = files[name][:-1] + b"?"


def lost(files):
    del files[next(name for name in files if name.startswith("models/"))]


def escaping(files):
    said = json.loads(files["backup.json"])["files"]
    told_of(files, files=said | {"runs/../../escaped": "0" * 64})
    files["runs/../../escaped"] = b"x"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (damaged, "is damaged; use another"),
        (lost, "has lost"),
        (escaping, "which no backup does"),
        (lambda files: told_of(files, version=2), "newer studio"),
        (lambda files: told_of(files, revision="9999"), "newer studio"),
        (lambda files: files.pop("backup.json"), "no backup of a studio"),
        (lambda files: told_of(files, files=3), "no backup of a studio"),
    ],
)
def test_what_is_no_sound_backup_changes_nothing(studio, home, run, tmp_path, edit, words):
    run("backup", tmp_path / "kept.zip")
    second = home("second")
    other = changed(tmp_path / "kept.zip", tmp_path / "other.zip", edit)
    assert words in refusal(run("restore", other))
    assert not second.exists() or not list(second.iterdir())
    assert not (tmp_path / "escaped").exists()


def test_a_restore_that_fails_leaves_what_was_there(studio, home, run, tmp_path, monkeypatch):
    folder, store, *_ = studio
    run("backup", tmp_path / "kept.zip")
    store.close()
    before, renamed = contents(folder), []
    rename = archive.Path.rename

    def third_fails(self, to):
        renamed.append(to)
        if len(renamed) == 5:
            raise OSError(28, "No space left on device", str(to))
        return rename(self, to)

    monkeypatch.setattr(archive.Path, "rename", third_fails)
    code, _, told = run("restore", tmp_path / "kept.zip", "--replace")
    assert code == 2
    assert "disk is full" in told
    monkeypatch.setattr(archive.Path, "rename", rename)
    assert contents(folder) == before
    assert projects.find(Database(str(folder / "labels.db")), "ones").version == 0


def test_refusals(run, studio, tmp_path, monkeypatch):
    (tmp_path / "there.zip").touch()
    assert "is there already" in refusal(run("backup", tmp_path / "there.zip"))
    assert "no file" in refusal(run("restore", tmp_path / "none.zip"))
    (tmp_path / "text.zip").write_text("no zip")
    assert "no backup" in refusal(run("restore", tmp_path / "text.zip"))
    monkeypatch.setenv("STUDIO_DATABASE", str(tmp_path / "text.zip"))
    assert "cannot be read" in refusal(run("backup", tmp_path / "new.zip"))
    assert not (tmp_path / "new.zip").exists()


def test_labels_in_postgresql_are_told_of(run, studio, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_DATABASE", "postgresql://user:secret@host/labels")
    code, printed, _ = run("backup", tmp_path / "kept.zip")
    assert code == 0
    assert "pg_dump" in json.loads(printed)["without"][0]
    assert "secret" not in printed
    assert "labels.db" not in json.loads(printed)["files"]
