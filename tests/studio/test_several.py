"""Commands that ask more than one question: importance maps, several methods, evaluations."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from backends import imaging, jobs
from studio import cli


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*words):
        monkeypatch.setattr(sys, "argv", ["studio", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call


def random_picture(folder):
    path = folder / "x.png"
    values = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path


def other_class(bundle, path):
    seen = jobs.prepare(bundle, imaging.read_picture(path))
    return "b" if jobs.predict(bundle, seen).label != "b" else "c"


def test_importance_is_a_picture_on_demand(run, tiny, tmp_path):
    picture = random_picture(tmp_path)
    words = ("explain", picture, "--bundle", tiny, "--method", "leapfactual", "--region",
             "box:2,2,10,10", "--target", other_class(tiny, picture),
             "--out", tmp_path / "out")  # fmt: skip
    code, printed, _ = run(*words, "--importance")
    assert code == 0
    assert json.loads(printed)["importance"]["cell"] == 4
    shown = np.asarray(Image.open(tmp_path / "out" / "importance.png"))
    outside = shown[0, 0]
    assert (shown[12:] == outside).all()
    assert "importance" not in json.loads(run(*words)[1])
    assert not (tmp_path / "out" / "importance.png").exists(), "of an earlier answer"
