"""Film strip and film."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from backends.errors import BadInput, MissingPart
from studio.export import film, formats


def test_a_strip_has_the_ends_and_some_steps(answered, tmp_path):
    answer, frames = answered
    film.film_strip(answer, frames, 3).save(tmp_path / "strip.png")
    strip = np.asarray(Image.open(tmp_path / "strip.png").convert("L")).astype(int)
    tile, gap = film.TILE, film.GAP
    assert strip.shape[1] == gap + 5 * (tile + gap)

    def seen(i):
        left = gap + i * (tile + gap)
        return strip[gap : gap + tile : tile // 16, left : left + tile : tile // 16]

    # The middle of a block is the pixel itself.
    assert np.array_equal(seen(0), answer.factual[..., 0])
    assert np.array_equal(seen(4), answer.counterfactual[..., 0])


@pytest.mark.parametrize("count", [1, 2, 6, 100])
def test_steps_are_chosen_evenly_with_both_ends(answered, count):
    _, frames = answered
    few = film.chosen(frames, count)
    assert len(few) == min(count, len(frames))
    assert few[0] is frames[0]
    assert count == 1 or few[-1] is frames[-1]


def test_a_film_plays_in_browsers(answered, tmp_path):
    av = pytest.importorskip("av")
    answer, frames = answered
    film.video(tmp_path / "a.mp4", answer, frames)
    with av.open(str(tmp_path / "a.mp4")) as file:
        stream = file.streams.video[0]
        pictures = [frame.to_ndarray(format="gray") for frame in file.decode(stream)]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
    assert len(pictures) == film.FIRST + len(frames) + film.LAST
    assert all(side % 2 == 0 for side in pictures[0].shape)
    for picture, array in ((pictures[0], answer.factual), (pictures[-1], answer.counterfactual)):
        block = picture.shape[0] // 16
        centres = picture[block // 2 :: block, block // 2 :: block].astype(int)
        assert np.abs(centres - array[..., 0]).mean() < 16


def test_a_missing_package_is_told_before_anything_is_asked(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(film, "find_spec", lambda name: None if name == "av" else find(name))
    with pytest.raises(MissingPart, match=r"counterfactual-studio\[video\]"):
        formats.formats_in("html,mp4")
    assert "mp4" not in formats.available()
    assert "pdf" in formats.available()


def test_formats_are_read_from_a_list():
    assert formats.formats_in(" pdf, html,pdf") == ["pdf", "html"]
    assert formats.formats_in("") == []
    with pytest.raises(BadInput, match="choose from: html, pdf"):
        formats.formats_in("docx")
