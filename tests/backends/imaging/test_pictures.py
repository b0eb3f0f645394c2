"""Whatever a person brings becomes what the model sees, or one sentence."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from backends import imaging
from backends.errors import BadInput, NotFound


def png(picture, format="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def seven(size=200, ink=20, paper=235, mode="L"):
    picture = Image.new("L", (size, size), paper)
    draw = ImageDraw.Draw(picture)
    draw.line([(60, 50), (140, 50), (90, 160)], fill=ink, width=14)
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"not a picture at all", "cannot be read"),
        (png(seven())[:300], "cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "cannot be read"),
    ],
)
def test_unreadable_files_are_one_sentence(content, words):
    with pytest.raises(BadInput, match=words):
        imaging.read_picture(content)


def test_missing_file(tmp_path):
    with pytest.raises(NotFound, match="check the path"):
        imaging.read_picture(tmp_path / "nothing.png")


@pytest.mark.slow
def test_huge_picture_is_refused_before_it_is_decoded():
    content = png(Image.new("1", (10_000, 6_000)))
    with pytest.raises(BadInput, match="60 megapixels"):
        imaging.read_picture(content)
    with pytest.raises(BadInput, match="megapixels"):
        imaging.read_picture(png(Image.new("1", (20_000, 20_000))))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_becomes_eight_bit(mode):
    grey = np.tile(np.linspace(0, 255, 40, dtype=np.uint8), (40, 1))
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "I":
        picture = Image.fromarray(grey.astype(np.int32) * 257)
    else:
        picture = Image.fromarray(grey).convert("RGB" if mode == "P" else mode).convert(mode)
    result = imaging.read_picture(picture)
    assert result.mode in ("L", "RGB")
    values = np.asarray(result.convert("L")).astype(int)
    assert values[:, 0].max() < 30
    assert values[:, -1].min() > 225


def test_first_frame_of_an_animation():
    frames = [seven(), Image.new("L", (200, 200))]
    content = png(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.asarray(imaging.read_picture(content).convert("L")).mean() > 100


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned by 90 degrees
    content = png(Image.new("RGB", (60, 30)), "JPEG", exif=exif)
    assert imaging.read_picture(content).size == (30, 60)


def test_transparent_paper_becomes_a_page():
    drawing = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(drawing).line([(50, 10), (50, 90)], fill=(10, 10, 10, 255), width=10)
    seen = np.asarray(imaging.digit_like(imaging.read_picture(drawing), 32))
    assert seen[0, 0] == 0
    assert seen[16, 16] > 200
    white = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(white).line([(50, 10), (50, 90)], fill=(255, 255, 255, 255), width=10)
    seen = np.asarray(imaging.digit_like(imaging.read_picture(white), 32))
    assert seen[16, 16] > 200


@pytest.mark.parametrize(("ink", "paper"), [(20, 235), (235, 20), (90, 170)])
@pytest.mark.parametrize("shift", [0, 30])
def test_a_digit_is_white_on_black_twenty_pixels_and_centred(ink, paper, shift):
    picture = seven(ink=ink, paper=paper)
    picture = picture.transform(
        picture.size, Image.Transform.AFFINE, (1, 0, shift, 0, 1, shift), fillcolor=paper
    )
    seen = np.asarray(imaging.digit_like(picture, 32)).astype(float)
    assert seen.shape == (32, 32)
    assert seen.max() > 200
    assert np.median(seen) == 0
    rows, columns = (np.flatnonzero(seen.max(axis) > 60) for axis in (1, 0))
    assert 17 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
    y, x = (np.arange(32) + 0.5) @ seen.sum(1), (np.arange(32) + 0.5) @ seen.sum(0)
    assert abs(y / seen.sum() - 16) < 0.8
    assert abs(x / seen.sum() - 16) < 0.8


def test_a_prepared_picture_stays_as_it_is():
    picture = imaging.digit_like(seven(), 32)
    assert imaging.digit_like(picture, 32) == picture


@pytest.mark.parametrize("size", [(300, 200), (32, 32), (28, 28)])
def test_blank_paper_is_one_sentence(size):
    for shade in (0, 128, 255):
        with pytest.raises(BadInput, match="blank"):
            imaging.digit_like(Image.new("L", size, shade), 32)


def test_specks_are_no_digit():
    picture = Image.new("L", (1500, 1500), 255)
    for place in ((5, 5), (1400, 1300)):
        picture.putpixel(place, 0)
    with pytest.raises(BadInput, match=r"blank|specks"):
        imaging.digit_like(picture, 32)


def test_black_ink_in_the_models_own_size_is_inverted():
    white = imaging.digit_like(seven(), 32)
    black = Image.eval(white, lambda v: 255 - v)
    seen = np.asarray(imaging.digit_like(black, 32))
    assert np.median(seen) == 0
    assert seen.max() > 200


def test_masks():
    mask = Image.new("L", (8, 6))
    with pytest.raises(BadInput, match="empty"):
        imaging.read_mask(png(mask), (8, 6))
    mask.putpixel((3, 2), 255)
    with pytest.raises(BadInput, match="10000x5000"):
        imaging.read_mask(png(Image.new("1", (10_000, 5_000))), (8, 6))
    assert np.argwhere(imaging.read_mask(png(mask), (8, 6))).tolist() == [[2, 3]]
    with pytest.raises(BadInput, match=r"8x6 .* 32x32"):
        imaging.read_mask(png(mask), (32, 32))


def test_bytes_survive_the_round_trip():
    array = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(imaging.to_array(imaging.to_tensor(array)), array)


def test_composite_is_exact_even_for_odd_values():
    x = torch.tensor([0.1, float(np.float32(1 / 3)), 0.7]).reshape(1, 1, 1, 3)
    image = torch.full_like(x, float("nan"))
    mask = torch.tensor([0.0, 0.0, 1.0]).reshape(1, 1, 1, 3)
    result = imaging.composite(x, image, mask)
    assert torch.equal(result[..., :2], x[..., :2])
    assert result[..., 2].isnan().all()
