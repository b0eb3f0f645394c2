"""Good pixels are taken, whatever the metadata say and however many bits they have."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from backends import imaging
from backends.errors import BadInput
from studio.labels.tasks import add_pictures

RESOLUTION, WIDTH, ORIENTATION = 0x11A, 0x100, 0x112
SHORT, TEXT, SIGNED = 3, 2, 10


def drawn(size=(120, 80), ink=0, paper=255):
    picture = Image.new("L", size, paper)
    ImageDraw.Draw(picture).line([(36, 20), (84, 20), (54, 70)], fill=ink, width=9)
    return picture


def exif(*entries, order="<"):
    offset, body, rows = 8 + 2 + 12 * len(entries) + 4, b"", b""
    for tag, kind, count, content in entries:
        value = content.ljust(4, b"\0")
        if len(content) > 4:
            value, body = struct.pack(order + "I", offset + len(body)), body + content
        rows += struct.pack(order + "HHI", tag, kind, count) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(entries)) + rows + bytes(4) + body


def turned(value, order="<"):
    return (ORIENTATION, SHORT, 1, struct.pack(order + "H", value))


def jpeg(content, picture=None):
    buffer = io.BytesIO()
    (picture or drawn()).save(buffer, "JPEG", exif=b"Exif\0\0" + content, quality=95)
    return buffer.getvalue()


def png(*chunks):
    picture = drawn()
    rows = b"".join(b"\0" + row.tobytes() for row in np.asarray(picture))
    head = struct.pack(">IIBBBBB", *picture.size, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


@pytest.mark.parametrize(
    "odd",
    [
        (),
        ((RESOLUTION, SIGNED, 1, struct.pack("<ii", -1, 3)),),
        ((RESOLUTION, TEXT, 4, b"72 \0"),),
        ((WIDTH, TEXT, 4, b"120\0"),),
        ((WIDTH, 99, 4_000_000_000, b"120\0"),),
    ],
)
def test_orientation_is_read_whatever_stands_beside_it(odd):
    content = jpeg(exif(*odd, turned(6)))
    seen = imaging.read_picture(content)
    assert seen.size == (80, 120)
    upright = np.asarray(drawn().transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert np.abs(np.asarray(seen.convert("L")) - upright).mean() < 5


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
def test_all_orientations_are_pillows(value, order):
    content = jpeg(exif(turned(value, order), order=order))
    from PIL import ImageOps

    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert np.array_equal(np.asarray(imaging.read_picture(content)), np.asarray(wanted))


@pytest.mark.parametrize("value", [0, 9, 600])
def test_impossible_orientations_are_ignored(value):
    assert imaging.read_picture(jpeg(exif(turned(value)))).size == (120, 80)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"eXIf", b"MM\0*"),
        (b"eXIf", b"not a tiff header at all"),
        (b"eXIf", b""),
        (b"eXIf", exif(turned(6))[:16]),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 20\nzzzz no hex\n")),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='6'/>"),
        (b"iCCP", b"odd\0\0not compressed"),
        (b"pHYs", b"\0"),
        (b"tIME", b"now"),
    ],
)
def test_odd_metadata_are_ignored(chunk):
    seen = imaging.read_picture(png(chunk))
    assert np.array_equal(np.asarray(seen), np.asarray(drawn()))


def test_a_good_orientation_is_kept_beside_an_odd_chunk():
    seen = imaging.read_picture(png((b"pHYs", b"\0"), (b"eXIf", exif(turned(6)))))
    assert seen.size == (80, 120)


@pytest.mark.parametrize("form", ["AVIF", "JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_damaged_files_are_a_picture_or_one_sentence(form):
    buffer = io.BytesIO()
    drawn().convert("RGB").save(buffer, form)
    rng = np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(buffer.getvalue())
        for place in rng.integers(0, len(content), 3):
            content[place] ^= int(rng.integers(1, 256))
        with contextlib.suppress(BadInput):
            assert imaging.read_picture(bytes(content)).mode in ("L", "RGB")


def test_a_decoders_own_error_is_one_sentence(monkeypatch):
    def fail(*_):
        raise RuntimeError("decoder")

    monkeypatch.setattr(Image.Image, "seek", fail)
    with pytest.raises(BadInput, match="cannot be read"):
        imaging.read_picture(Image.new("L", (4, 4)))


def test_a_folder_goes_on_and_tells_what_it_left_out(tmp_path):
    (tmp_path / "a.png").write_bytes(png((b"eXIf", b"MM\0*")))
    buffer = io.BytesIO()
    drawn().convert("RGB").save(buffer, "AVIF")
    (tmp_path / "b.avif").write_bytes(buffer.getvalue()[:-60])
    (tmp_path / "c.png").write_bytes(b"")
    (tmp_path / "d.jpg").write_bytes(jpeg(exif(turned(3), (RESOLUTION, TEXT, 4, b"72 \0"))))
    left = {}
    taken = [n for n, _ in add_pictures.pictures_of("digits", str(tmp_path), left.__setitem__)]
    assert taken == ["a.png", "d.jpg"]
    assert set(left) == {"b.avif", "c.png"}


GREY = np.asarray(drawn(ink=10, paper=250))


def tiff(values):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF")
    return buffer.getvalue()


def spoiled(value, place=(0, 0)):
    values = GREY.astype(np.float32) / 255
    values[place] = value
    return values


@pytest.mark.parametrize(
    "values",
    [
        GREY.astype(np.float32) / 255,
        GREY.astype(np.float32) / 255 * np.float32(1.0001),
        GREY.astype(np.float32),
        spoiled(np.nan),
        spoiled(np.inf),
        spoiled(-np.inf),
        spoiled(1e30),
        spoiled(-0.001),
        GREY.astype(np.uint16) * 257,
        GREY.astype(np.uint16) * 64,
        GREY.astype(np.uint16) * 16,
        GREY.astype(np.uint16) * 4,
        GREY.astype(np.uint16),
        GREY.astype(np.int32) * 257,
        GREY.astype(np.int32),
    ],
)
def test_deep_greys_keep_their_ranges(values):
    seen = np.asarray(imaging.read_picture(tiff(values))).astype(int)
    seen[0, 0] = GREY[0, 0]
    assert np.abs(seen - GREY).max() <= 2


@pytest.mark.parametrize(
    "values",
    [
        GREY.astype(np.int32) * 8 - 1024,
        GREY.astype(np.float32) * 8 - 1024,
        GREY.astype(np.uint16) // 3 + 300,
        (GREY.astype(np.float32) - 100) / 50,
        GREY.astype(np.float32) * 1e6,
    ],
)
def test_other_values_are_seen_through_a_window(values):
    seen = np.asarray(imaging.read_picture(tiff(values))).astype(int)
    assert seen.min() == 0
    assert seen.max() == 255
    assert np.corrcoef(seen.ravel(), GREY.ravel())[0, 1] > 0.999


def test_nothing_but_nan_is_black():
    assert not np.asarray(imaging.read_picture(tiff(np.full((8, 8), np.nan, np.float32)))).any()


def sheet():
    picture = Image.new("RGBA", (200, 200), (250, 240, 200, 255))
    ImageDraw.Draw(picture).line([(60, 50), (140, 50), (90, 160)], fill=(20, 20, 60, 255), width=12)
    return picture


@pytest.mark.parametrize("margin", [1, 8, 40])
def test_the_page_behind_a_card_is_its_own_colour(margin):
    whole = Image.new("RGBA", (200 + 2 * margin,) * 2)
    whole.paste(sheet(), (margin, margin))
    seen = np.asarray(imaging.read_picture(whole))
    assert (seen[0, 0] == (250, 240, 200)).all()
    assert (seen[-1, seen.shape[1] // 2] == (250, 240, 200)).all()
    assert (seen[margin + 50, margin + 100] == (20, 20, 60)).all()


def test_a_blank_card_is_blank():
    whole = Image.new("RGBA", (220, 220))
    whole.paste(Image.new("RGBA", (200, 200), "white"), (10, 10))
    with pytest.raises(BadInput, match="blank"):
        imaging.digit_like(imaging.read_picture(whole), 32)
