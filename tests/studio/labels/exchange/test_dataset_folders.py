"""What a dataset repository gives back, in every form, is the label set that was pushed."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backends.errors import BadInput
from studio.labels import exchange
from studio.labels.exchange import dataset_folder
from studio.labels.exchange.unzip import unzip
from studio.labels.store import pictures, projects
from tests.studio.labels.exchange.test_exchange import refuse, told

TRAIN = "data/train-00000-of-00001.parquet"


@pytest.fixture
def place(tmp_path):
    """One database is enough here: what files hold does not depend on it."""
    return str(tmp_path / "labels.db")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder that stands for the repository that labels are pushed to."""
    import datasets
    import huggingface_hub

    repository = tmp_path / "hub"
    (repository / "data").mkdir(parents=True)

    def push(dataset, name, **options):
        assert options["private"] is True
        dataset.to_parquet(repository / TRAIN)
        (repository / "README.md").write_text("---\ndataset_info: {}\n---\n")

    def upload(api, *, path_or_fileobj, path_in_repo, **options):
        shutil.copy(path_or_fileobj, repository / path_in_repo)

    monkeypatch.setattr(datasets.Dataset, "push_to_hub", push)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_file", upload)
    return repository


@pytest.fixture
def pushed(database, spoken, tmp_path, hub):
    """The repository, with a label set in it."""
    exchange.export(database, spoken, tmp_path / "out", history=True)
    dataset_folder.push(tmp_path / "out", "lab/ones")
    return hub


def as_downloaded(repository, folder):
    shutil.copytree(repository, folder)


def without_its_project_file(repository, folder):
    as_downloaded(repository, folder)
    (folder / "project.json").unlink()


def as_loaded_with_splits(repository, folder):
    import datasets

    whole = datasets.Dataset.from_parquet(str(repository / TRAIN))
    datasets.DatasetDict(whole.train_test_split(3, shuffle=False)).save_to_disk(folder)


def as_loaded_split(repository, folder):
    import datasets

    datasets.Dataset.from_parquet(str(repository / TRAIN)).save_to_disk(folder)


def in_several_files(repository, folder):
    as_downloaded(repository, folder)
    table = pq.read_table(folder / TRAIN)
    (folder / TRAIN).unlink()
    for split, start in (("test", 0), ("train", 2)):
        pq.write_table(
            table.slice(start, 4 if start else 2), folder / "data" / f"{split}-0.parquet"
        )


def as_structs_of_lists(repository, folder):
    """As other libraries write a column of objects."""
    as_downloaded(repository, folder)
    rows = pq.read_table(folder / TRAIN).to_pylist()
    for row in rows:
        columns = row["responses"][0] if row["responses"] else {}
        row["responses"] = {key: [r[key] for r in row["responses"]] for key in columns} or None
    pq.write_table(pa.Table.from_pylist(rows), folder / TRAIN)


FORMS = [
    as_downloaded, without_its_project_file, as_loaded_with_splits, as_loaded_split,
    in_several_files, as_structs_of_lists,
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_what_was_pushed_comes_back(database, spoken, pushed, tmp_path, elsewhere, form):
    form(pushed, tmp_path / "back")
    done = exchange.import_labels(elsewhere, None, tmp_path / "back", prepare=refuse)
    assert (done.items, done.left_out) == (6, {})
    assert told(elsewhere, "ones", history=True) == told(database, "ones", history=True)
    assert projects.find(elsewhere, "ones").setup == spoken.setup
    again = exchange.import_labels(elsewhere, None, tmp_path / "back")
    assert (again.items, again.responses, again.suggestions) == (0, 0, 0)


def changed(repository, change):
    """Rewrite the repository's rows."""
    rows = pq.read_table(repository / TRAIN).to_pylist()
    for row in rows:
        change(row)
    pq.write_table(pa.Table.from_pylist(rows), repository / TRAIN)


@pytest.mark.parametrize("column", ["responses", "suggestions", "names", "label", "shares"])
def test_a_column_may_be_empty(database, spoken, pushed, tmp_path, column):
    changed(pushed, lambda row: row.update({column: None}))
    done = exchange.import_labels(database, "ones", pushed)
    assert (done.items, done.responses, done.suggestions) == (0, 0, 0)


def test_a_row_may_have_no_picture_or_no_digest(database, spoken, pushed):
    changed(pushed, lambda row: row.update(image=None))
    assert exchange.import_labels(database, "ones", pushed).items == 0
    changed(pushed, lambda row: row.update(picture=None))
    assert exchange.import_labels(database, "ones", pushed).items == 0


def test_two_rows_of_one_name_are_two_pictures(pushed, elsewhere):
    changed(pushed, lambda row: row.update(picture=None, item="x.png"))
    exchange.import_labels(elsewhere, None, pushed, prepare=as_it_is)
    items = pictures.items(elsewhere, projects.find(elsewhere, "ones"))
    assert [item.name for item in items] == ["x.png"] * 6


def as_it_is(picture):
    return np.asarray(picture)[..., None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.pop("responses"), "no column 'responses'"),
        (lambda row: (row.pop("item"), row.pop("picture")), "no column 'item'"),
        (lambda row: row.update(picture=3), "row 1: picture"),
        (lambda row: row.update(item=None, picture=None, image=None), "row 1: it names neither"),
        (lambda row: row.update(responses=[{"annotator": 3}]), "row 1: annotator"),
    ],
)
def test_a_row_of_another_form_is_a_sentence(database, spoken, pushed, change, message):
    changed(pushed, change)
    with pytest.raises(BadInput, match=message):
        exchange.import_labels(database, "ones", pushed)


@pytest.mark.parametrize("text", ["[]", "3", "{", '{"project": []}', '{"version": 1}', "\xff"])
def test_a_project_file_of_another_form_is_a_sentence(pushed, elsewhere, text):
    (pushed / "project.json").write_text(text, encoding="latin-1")
    with pytest.raises(BadInput, match=r"project\.json"):
        exchange.import_labels(elsewhere, None, pushed)


def test_a_manifest_leads_nowhere(database, spoken, tmp_path, elsewhere):
    """A state.json may name any file of the machine, and a link lead to it."""
    exchange.export(database, spoken, tmp_path / "secret")
    exchange.export(database, spoken, tmp_path / "out")
    (arrow,) = (tmp_path / "out").glob("*.arrow")
    arrow.unlink()
    state = json.loads((tmp_path / "out" / "state.json").read_text())
    secret = next((tmp_path / "secret").glob("*.arrow"))
    state["_data_files"] = [{"filename": str(secret)}]
    (tmp_path / "out" / "state.json").write_text(json.dumps(state))
    arrow.symlink_to(secret)
    with pytest.raises(BadInput, match="is no datasets folder"):
        exchange.import_labels(elsewhere, None, tmp_path / "out", "datasets")


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_a_damaged_file_is_a_sentence(database, spoken, pushed, tmp_path, elsewhere, kind):
    folder = pushed if kind == "parquet" else tmp_path / "out"
    (path,) = folder.rglob(f"*.{kind}")
    whole = path.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        b"",
        b"version https://git-lfs",
        whole[:8] + bytes(99),
    ):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match=r"cannot be read|has no rows"):
            exchange.import_labels(elsewhere, None, folder)
    assert projects.listed(elsewhere) == []


@pytest.fixture
def packed(database, spoken, tmp_path):
    """A zip of an exported folder."""
    exchange.export(database, spoken, tmp_path / "out", "jsonl")
    return Path(shutil.make_archive(str(tmp_path / "out"), "zip", tmp_path / "out"))


def test_a_zip_is_read(database, packed, tmp_path, elsewhere):
    exchange.import_labels(elsewhere, None, packed, prepare=refuse)
    assert told(elsewhere, "ones") == told(database, "ones")


def test_a_damaged_zip_is_a_sentence(packed, tmp_path, elsewhere):
    """Whatever byte is wrong: nothing but a refusal comes of it."""
    whole = packed.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    refused = 0
    for at in (*range(0, directory, 61), *range(directory, len(whole))):
        packed.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            unzip(packed, tmp_path / f"at-{at}")
        except BadInput:
            refused += 1
    assert refused > 100
    for content in (b"PK", whole[:-30], whole[: len(whole) // 2], b""):
        packed.write_bytes(content)
        with pytest.raises(BadInput, match="cannot be unpacked"):
            exchange.import_labels(elsewhere, None, packed)


def test_a_zip_stays_in_its_folder_and_within_limits(tmp_path, elsewhere):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../../escaped.jsonl", "{}")
        archive.writestr("n" * 300 + ".txt", "")
    with pytest.raises(BadInput, match="cannot be unpacked"):
        exchange.import_labels(elsewhere, None, tmp_path / "a.zip")
    assert not list(tmp_path.parent.parent.glob("escaped*"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.jsonl", bytes(70_000_000))
    with pytest.raises(BadInput, match=r"would unpack to 0\.1 GB"):
        exchange.import_labels(elsewhere, None, tmp_path / "b.zip")
