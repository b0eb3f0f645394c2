import shutil
import zipfile

import pytest

from backends.errors import BadInput
from studio.ui.domain.upload import Uploads
from tests.backends.training.own_pictures import write_tree


@pytest.fixture
def uploads(tmp_path):
    return Uploads(tmp_path / "results" / "own")


def packed(folder, name, inside):
    """A zip whose tree of classes lies so far inside."""
    write_tree(folder / name / inside, 2)
    return shutil.make_archive(str(folder / name), "zip", folder / name)


@pytest.mark.parametrize("inside", ["", "squares", "data/squares"])
def test_the_folder_of_the_classes_is_found_however_it_was_zipped(uploads, tmp_path, inside):
    found = uploads.pictures(packed(tmp_path, "packed", inside))
    assert sorted(path.name for path in found.iterdir()) == ["bright", "dark"]


def test_a_zip_is_unpacked_once_and_goes_when_another_comes(uploads, tmp_path):
    first, second = packed(tmp_path, "first", ""), packed(tmp_path, "second", "")
    there = uploads.pictures(first)
    (there / "mark").touch()
    assert (uploads.pictures(first) / "mark").exists()
    assert uploads.pictures(second).name == "second"
    assert not there.exists()


def test_no_file_leaves_its_folder(uploads, tmp_path):
    path = tmp_path / "tricky.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../outside.png", b"x")
        archive.writestr("/absolute.png", b"x")
    found = uploads.pictures(str(path))
    assert not list(tmp_path.glob("*.png"))
    assert all((tmp_path / "results") in file.parents for file in found.rglob("*.png"))


def test_what_is_no_zip_is_one_sentence(uploads, tmp_path):
    with pytest.raises(BadInput, match="upload a zip of pictures first"):
        uploads.pictures(None)
    path = tmp_path / "fake.zip"
    path.write_bytes(b"no zip")
    for _ in range(2):
        with pytest.raises(BadInput, match=r"fake.zip cannot be unpacked .* zip the folder again"):
            uploads.pictures(str(path))
