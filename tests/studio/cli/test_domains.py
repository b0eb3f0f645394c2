import json

import pytest
from PIL import Image

from studio.cli import main as cli
from tests.backends.training.own_pictures import write_tree


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """The exit code, stdout and stderr of a command, where bundles are made in a folder of the
    test's own."""
    monkeypatch.setenv("STUDIO_BUNDLES", str(tmp_path / "bundles"))
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "pictures")

    def call(*words):
        monkeypatch.setattr("sys.argv", ["studio", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return call


def test_new_makes_a_bundle_and_says_what_comes_next(run, tmp_path):
    (tmp_path / "pictures/dark/odd.png").write_bytes(b"")
    code, out, err = run("new", "squares", "--images", "pictures", "--size", "32", "--minutes", "0")
    assert code == 0, err
    told = json.loads(out)
    assert told["learnt"] == {"bright": 11, "dark": 11}
    assert told["left_out"] == 1
    assert "odd.png is empty" in err
    assert "next: python -m studio train squares --minutes 60" in err
    code, out, _ = run("bundles", "list")
    assert "squares: Squares; 2 classes" in out


def test_a_preview_makes_nothing_else(run, tmp_path):
    words = ("new", "squares", "--images", "pictures", "--preview", "look.png")
    assert run(*words)[0] == 0
    assert Image.open(tmp_path / "look.png").height > 500
    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("new", "squares", "--images", "nowhere"), "there is no nowhere"),
        (("new", "squares", "--images", "pictures", "--size", "30"), "setting 'size'"),
        (("new", "digits", "--images", "pictures"), "there is a bundle 'digits' already"),
        (("train", "nothing"), "no bundle at nothing"),
        (("train", "digits"), "was not made by"),
        (("train", "mnist"), "say with --out where to write one"),
    ],
)
def test_what_cannot_be_is_one_line(run, words, says):
    code, out, err = run(*words)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert says in err
    assert len(err.strip().splitlines()) == 1
