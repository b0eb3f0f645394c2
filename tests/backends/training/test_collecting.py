import datasets
import numpy as np
import pytest
from PIL import Image

from backends.errors import BadInput, NotFound
from backends.training.collecting import entries
from tests.backends.training.own_pictures import write_tree


def labels(found):
    return sorted({entry.label for entry in found})


def test_folders_are_classes(tmp_path):
    found = entries(write_tree(tmp_path / "pictures"))
    assert labels(found) == ["bright", "dark"]
    assert len(found) == 24
    assert {entry.test for entry in found} == {None}


def test_folders_of_splits_are_kept_apart(tmp_path):
    for split in ("train", "val", "test"):
        write_tree(tmp_path / split, 3)
    found = entries(tmp_path)
    assert labels(found) == ["bright", "dark"]
    assert sum(entry.test is True for entry in found) == 6, "validation pictures are learnt from"


def test_a_class_may_be_called_test(tmp_path):
    write_tree(tmp_path, 2)
    (tmp_path / "dark").rename(tmp_path / "test")
    assert labels(entries(tmp_path)) == ["bright", "test"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_names_files_labels_and_splits(tmp_path, separator):
    write_tree(tmp_path, 2)
    rows = [("File", "Label", "Split"), ("dark/0.png", "night", "train"),
            ("bright/0.png", "day", "test")]  # fmt: skip
    text = "\n".join(separator.join(row) for row in rows)
    (tmp_path / "list.csv").write_text(f"\ufeff{text}\n", encoding="utf-8")
    first, second = entries(tmp_path / "list.csv")
    assert (first.label, first.test, first.source) == ("night", False, tmp_path / "dark/0.png")
    assert (second.label, second.test) == ("day", True)


def test_arrays_have_names(tmp_path):
    np.savez(
        tmp_path / "a.npz", pictures=np.zeros((2, 8, 8, 3), np.uint8), labels=np.array([1, 0]),
        classes=np.array(["cat", "dog"]), test=np.array([False, True]),
    )  # fmt: skip
    found = entries(tmp_path / "a.npz")
    assert [(e.label, e.test, e.source.mode) for e in found] == [
        ("dog", False, "RGB"), ("cat", True, "RGB"),
    ]  # fmt: skip


def test_a_datasets_folder_has_splits_and_class_names(tmp_path):
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    )
    rows = {"image": [Image.new("L", (8, 8), i) for i in range(4)], "label": [0, 1, 0, 1]}
    one = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": one, "test": one}).save_to_disk(tmp_path / "saved")
    found = entries(tmp_path / "saved")
    assert labels(found) == ["cat", "dog"]
    assert sum(entry.test is True for entry in found) == 4


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", "", "lacks a column file"),
        ("no.csv", "picture,kind\na.png,b\n", "lacks a column label"),
        ("bad.npz", "no zip", "cannot be read"),
        ("notes.txt", "hello", "is no source"),
    ],
)
def test_what_is_no_source_is_one_sentence(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=says):
        entries(tmp_path / name)


def test_nothing_there_is_one_sentence(tmp_path):
    with pytest.raises(NotFound, match="there is no"):
        entries(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no pictures"):
        entries(tmp_path / "empty")
