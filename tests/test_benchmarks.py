"""What a benchmark of hours must not lose at its end."""

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from backends.bundles import Bundle
from backends.imaging import eight_bit
from benchmarks import faces
from tests.elsewhere import DEVICE, there
from tests.faces import write_faces

FEW = {"blending_leaps": 1, "injection_leaps": 1}


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    def drawn(bundle, label):
        w = bundle.part("generator").sample_w(1, torch.Generator().manual_seed(0))
        while True:
            yield faces.Faces(w, eight_bit(bundle.part("generator").decode(w)))

    monkeypatch.setattr(faces, "drawn", drawn)  # a random classifier may know one class alone
    return write_faces(tmp_path / "bundle")


def test_a_sheet_is_of_faces_from_any_device(bundle):
    with there():
        question = faces.Change("leapfactual", faces.whole, 0, 2, FEW)
        pairs = list(question.answers(Bundle(Path(bundle), DEVICE), 1))
        assert faces.sheet(pairs).size == (2 * faces.CELL, 2 * faces.CELL)


def test_the_sheets_folder_is_made(bundle, tmp_path, monkeypatch):
    tables = []
    monkeypatch.setattr(faces, "PARTS", tmp_path / "rows")
    monkeypatch.setattr(faces, "table", lambda name, rows: tables.append((name, rows)))
    folder = tmp_path / "new" / "sheets"
    words = ["--bundle", bundle, "--count", "1", "--rows", "1", "--sheets", str(folder)]
    monkeypatch.setattr(sys, "argv", ["faces", *words])
    faces.main()
    assert Image.open(folder / "01.jpg").size == (faces.CELL, 2 * faces.CELL)
    ((name, (row,)),) = tables
    assert (name, row["faces"]) == ("faces", 1)
