"""The labels commands: what they print, what they refuse, and that nothing is half-done."""

import gzip
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from studio.labels.store import pictures, projects, responses
from studio.labels.store.database import Database
from studio.labels.store.responses import Submission
from tests.conftest import write_tiny
from tests.studio.conftest import refusal


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "labels.db")


@pytest.fixture
def labels(run, place):
    """Words of the labels command -> exit code, stdout, stderr."""
    return lambda *words: run("labels", *words, "--database", place)


@pytest.fixture
def project(labels, tiny):
    code, out, _ = labels("create", "ones", "--bundle", tiny, "--classes", "one, seven")
    assert code == 0
    return out


def picture(seed, size=(16, 16)):
    values = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    return Image.fromarray(values)


@pytest.fixture
def folder(tmp_path):
    where = tmp_path / "some"
    (where / "deeper").mkdir(parents=True)
    for name, seed in (("a.png", 1), ("b.PNG", 2), ("deeper/c.png", 3)):
        picture(seed).save(where / name)
    (where / "broken.jpg").write_bytes(b"no picture")
    (where / ".hidden.png").write_bytes(b"no picture")
    (where / "notes.txt").write_text("no picture")
    return where


def stored(place):
    store = Database(place)
    found = projects.listed(store)
    items = {p.name: [i.name for i in pictures.items(store, p)] for p in found}
    store.close()
    return items


def test_create_tells_a_code_that_opens_the_project(labels, project, place):
    code = project.split()[-1]
    store = Database(place)
    assert projects.enter(store, code).administers
    assert projects.find(store, "ones").classes == ["one", "seven"]
    store.close()
    _, out, _ = labels("list")
    assert "ones" in out
    assert "one, seven; 0 pictures; people: administrator; label set 0" in out
    assert code not in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--classes", "one"], "classes"),
        (["--classes", "one,One"], "same name"),
        (["--classes", "a,b", "--order", "size"], "order"),
        (["--classes", "a,b", "--votes", "0"], "votes"),
        (["--classes", "a,b", "--instructions", "none.md"], "none.md"),
    ],
)
def test_a_project_that_cannot_be_is_one_line(labels, tiny, place, words, message):
    assert message in refusal(labels("create", "new", "--bundle", tiny, *words))
    assert stored(place) == {}


def test_two_projects_of_a_name_and_no_bundle(labels, project, tiny):
    code, _, err = labels("create", "ones", "--bundle", tiny, "--classes", "a,b")
    assert (code, "choose another name" in err) == (2, True)
    code, _, err = labels("create", "new", "--bundle", "nowhere", "--classes", "a,b")
    assert (code, "no bundle" in err) == (2, True)


def test_pictures_from_a_folder(labels, project, folder, place):
    code, out, err = labels("add", "ones", folder)
    assert (code, out) == (0, "ones: 3 new pictures, 0 there already, 1 left out\n")
    assert "left out: broken.jpg: broken.jpg cannot be read as a picture" in err
    assert stored(place)["ones"] == ["a.png", "b.PNG", "deeper/c.png"]
    _, out, _ = labels("add", "ones", folder)
    assert out == "ones: 0 new pictures, 3 there already, 1 left out\n"


def test_pictures_from_a_zip(labels, project, folder, tmp_path, place):
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        archive.write(folder / "a.png", "../../a.png")
        archive.write(folder / "b.PNG", "b.PNG")
        archive.writestr("__MACOSX/b.PNG", b"resource fork")
        archive.writestr("empty.png", b"")
    code, out, err = labels("add", "ones", tmp_path / "some.zip")
    assert (code, out) == (0, "ones: 2 new pictures, 0 there already, 1 left out\n")
    assert "empty.png" in err
    # A member's name is only a name: nothing was unpacked.
    assert not list(tmp_path.parent.glob("a.png"))
    assert stored(place)["ones"] == ["../../a.png", "b.PNG"]


def test_a_zip_that_would_fill_the_disk_is_refused(labels, project, tmp_path, place):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.png", bytes(70_000_000))
    code, _, err = labels("add", "ones", tmp_path / "bomb.zip")
    assert (code, "would unpack to 0.1 GB" in err) == (2, True)
    assert stored(place)["ones"] == []


def test_pictures_from_mnists_files(labels, project, tmp_path, place):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    head = bytes([0, 0, 8, 3]) + np.array(pixels.shape, ">i4").tobytes()
    (tmp_path / "idx").mkdir()
    path = tmp_path / "idx" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(head + pixels.tobytes()))
    assert labels("add", "ones", tmp_path / "idx", "--limit", "3")[0] == 0
    assert stored(place)["ones"] == [f"t10k-0000{n}.png" for n in range(3)]
    path.write_bytes(gzip.compress(head + pixels.tobytes()[:-1]))
    code, _, err = labels("add", "ones", tmp_path / "idx")
    assert (code, "has lost its end" in err) == (2, True)


def test_pictures_that_a_prior_draws(labels, project, place):
    assert labels("add", "ones", "generate:3", "--seed", "5")[0] == 0
    assert stored(place)["ones"] == ["generated-5.png", "generated-6.png", "generated-7.png"]
    _, out, _ = labels("add", "ones", "generate:3", "--seed", "6")
    assert out == "ones: 1 new pictures, 2 there already, 0 left out\n"


def test_a_bundle_that_draws_nothing(labels, tmp_path):
    bundle = write_tiny(tmp_path / "tiny", without=("gan",))
    labels("create", "ones", "--bundle", bundle, "--classes", "a,b")
    code, out, err = labels("add", "ones", "generate:3")
    assert (code, out, "has no generator" in err) == (2, "", True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("generate:some", "generate:100"),
        ("nowhere", "there is no nowhere"),
    ],
)
def test_a_source_that_is_none(labels, project, source, message):
    code, out, err = labels("add", "ones", source)
    assert (code, out) == (2, "")
    assert message in err


def test_a_source_without_pictures(labels, project, tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bad.zip").write_bytes(b"PK no zip")
    with zipfile.ZipFile(tmp_path / "bare.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    for name, message in (
        ("bare", "no pictures in"), ("bad.zip", "is no zip"), ("bare.zip", "no pictures in"),
    ):  # fmt: skip
        code, _, err = labels("add", "ones", tmp_path / name)
        assert (code, message in err) == (2, True)


@pytest.fixture
def labelled(labels, project, folder, place):
    """Three pictures, two people, five labels."""
    labels("add", "ones", folder)
    store = Database(place)
    found = projects.find(store, "ones")
    ada, bob = (projects.invite(store, found, name).annotator for name in ("Ada", "Bob"))
    a, b, c = (item.id for item in pictures.items(store, found))
    for who, item, value in (
        (ada, a, "one"), (bob, a, "one"), (ada, b, "seven"), (bob, b, "seven"), (ada, c, "one"),
    ):  # fmt: skip
        responses.answer(store, who, Submission(item, value, f"{item}"))
    store.close()


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.json", "out"])
def test_out_and_in_again(labels, labelled, run, tmp_path, name):
    code, out, _ = labels("export", "ones", "--to", tmp_path / name)
    assert code == 0
    done = json.loads(out)
    assert (done["items"], done["responses"], done["version"]) == (3, 5, 5)
    code, out, _ = labels("import", "again", tmp_path / name)
    assert code == 0
    brought, access = out.splitlines()
    assert json.loads(brought)["responses"] == 5
    assert access.startswith("access code of administrator")
    assert json.loads(labels("import", "again", tmp_path / name)[1])["repeated"] == 5
    _, one, _ = labels("agreement", "ones")
    _, other, _ = labels("agreement", "again")
    assert json.loads(one)["pairs"] == json.loads(other)["pairs"]


def test_a_push_needs_a_folder_of_ours(run, tmp_path):
    code, out, err = run("labels", "push", tmp_path, "lab/ones")
    assert (code, out) == (2, "")
    assert "is no datasets folder" in err


def test_a_label_set_of_before(labels, labelled, tmp_path):
    words = ["--format", "jsonl", "--history", "--version", "2"]
    _, out, _ = labels("export", "ones", "--to", tmp_path / "out", *words)
    assert json.loads(out)["responses"] == 2
    code, _, err = labels("export", "ones", "--to", tmp_path / "no", "--version", "9")
    assert (code, "has label sets 0 to 5" in err) == (2, True)
    assert not (tmp_path / "no").exists()


def test_agreement_is_one_object(labels, labelled):
    code, out, _ = labels("agreement", "ones")
    report = json.loads(out)
    assert code == 0
    assert report["observed"] == {"value": 1.0, "items": 2, "reason": ""}
    assert report["krippendorff_alpha"]["value"] == 1.0
    assert [person["votes"] for person in report["people"]] == [3, 2]
    earlier = json.loads(labels("agreement", "ones", "--version", "1")[1])
    assert earlier["fleiss_kappa"]["value"] is None
    assert earlier["fleiss_kappa"]["reason"]


def test_an_invited_person_has_a_code(labels, project, place):
    code, out, _ = labels("invite", "ones", "Eve", "--administrator")
    store = Database(place)
    eve = projects.enter(store, out.split()[-1])
    store.close()
    assert (code, eve.name, eve.administers) == (0, "Eve", True)
    code, out, err = labels("invite", "ones", "Eve")
    assert (code, out, "choose another name" in err) == (2, "", True)


@pytest.mark.parametrize(
    "words", [["add", "none", "x"], ["agreement", "none"], ["invite", "none", "Eve"],
              ["export", "none", "--to", "x.csv"]],
)  # fmt: skip
def test_no_such_project(labels, project, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    code, out, err = labels(*words)
    assert (code, out) == (2, "")
    assert "projects are: ones" in err
    assert sorted(tmp_path.iterdir()) == before


def test_a_trained_model_is_listed_and_deleted(run, labels, project, place, tiny):
    store = Database(place)
    ones = projects.find(store, "ones")
    noise = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 1), dtype=np.uint8)
    pictures.add(store, ones, [(f"{n}", pixels) for n, pixels in enumerate(noise)])
    (ada,) = projects.people(store, ones)
    for n, item in enumerate(pictures.items(store, ones)):
        responses.answer(store, ada, Submission(item.id, ["one", "seven"][n % 2], f"{n}"))
    store.close()
    settings = ("steps=10", "drawn=0", "held_out=0")
    words = [word for setting in settings for word in ("--set", setting)]
    code, out, err = labels("retrain", "ones", "--name", "my model", *words)
    assert code == 0, err
    assert run("labels", "models", tiny)[1] == "my model: trained on ones 10 majority\n"
    code, out, err = run("labels", "delete-model", tiny, "my model")
    assert (code, out) == (2, "")
    assert "add --yes" in err
    assert run("labels", "models", tiny)[1] != "", "nobody has said yes"
    code, out, _ = run("labels", "delete-model", tiny, "my model", "--yes")
    assert (code, out) == (0, "my model: deleted\n")
    assert run("labels", "models", tiny)[1] == ""
    code, out, err = run("labels", "delete-model", tiny, "my model")
    assert (code, out) == (2, "")
    assert "there is no trained model 'my model'" in err


def test_an_import_tells_what_it_left_out(labels, project, folder, tmp_path):
    labels("add", "ones", folder)

    def choice(question, value):
        return {"type": "choices", "from_name": question, "value": {"choices": [value]}}

    results = [choice("digit", "one"), choice("quality", "good")]
    tasks = [{"data": {"image": "a.png"}, "annotations": [{"id": 1, "result": results}],
              "predictions": [7]}]  # fmt: skip
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    code, out, err = labels("import", "ones", tmp_path / "tasks.json")
    assert (code, out) == (2, "")
    assert "several questions (digit, quality); choose one with --control" in err
    code, out, err = labels("import", "ones", tmp_path / "tasks.json", "--control", "digit")
    assert (code, json.loads(out)["responses"]) == (0, 1)
    assert sorted(err.splitlines()) == [
        "left out: choices (quality) beside a choice: 1",
        "left out: predictions of which the file has only the number: 1",
    ]


def test_a_table_in_another_encoding(labels, project, folder, tmp_path):
    labels("add", "ones", folder)
    (tmp_path / "l.csv").write_bytes("item,annotator,value\na.png,Анна,one\n".encode("cp1251"))
    assert labels("import", "ones", tmp_path / "l.csv")[0] == 2
    _, out, _ = labels("import", "ones", tmp_path / "l.csv", "--encoding", "cp1251")
    assert json.loads(out)["people"] == ["Анна"]


def test_a_project_is_deleted_with_its_models(run, labels, project, place, tiny):
    store = Database(place)
    ones = projects.find(store, "ones")
    noise = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 1), dtype=np.uint8)
    pictures.add(store, ones, [(f"{n}", pixels) for n, pixels in enumerate(noise)])
    (ada,) = projects.people(store, ones)
    for n, item in enumerate(pictures.items(store, ones)):
        responses.answer(store, ada, Submission(item.id, ["one", "seven"][n % 2], f"{n}"))
    store.close()
    words = [w for s in ("steps=10", "drawn=0", "held_out=0") for w in ("--set", s)]
    assert labels("retrain", "ones", "--name", "my model", *words)[0] == 0
    code, out, err = labels("delete", "ones")
    assert (code, out) == (2, "")
    assert "10 pictures, 10 answers of 1 people, and 1 trained models; add --yes" in err
    assert "ones" in labels("list")[1]
    assert labels("delete", "ones", "--yes")[:2] == (0, "ones: deleted\n")
    assert labels("list")[1] == ""
    assert run("labels", "models", tiny)[1] == ""
    code, _, err = labels("delete", "ones", "--yes")
    assert code == 2
    assert "ones" in err


def test_a_bundle_of_ones_own_is_deleted(run, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_BUNDLES", str(tmp_path / "bundles"))
    write_tiny(tmp_path / "bundles" / "tiny")
    code, out, err = run("bundles", "delete", "tiny")
    assert (code, out) == (2, "")
    assert "add --yes" in err
    assert run("bundles", "delete", "tiny", "--yes")[:2] == (0, "tiny: deleted\n")
    assert list((tmp_path / "bundles").iterdir()) == []
    for name in ("tiny", "digits", "../bundles"):
        code, _, err = run("bundles", "delete", name, "--yes")
        assert code == 2
        assert "no bundle" in err
