"""Pictures decoded in confined processes are those that are decoded here; files made to fill the
memory are refused before they do."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from backends.errors import BadInput, StudioError
from backends.imaging import confined_reading, read, read_mask
from backends.imaging.pages import Wanted
from backends.imaging.reading import decoded

RNG = np.random.default_rng(0)


@pytest.fixture
def confined():
    confined_reading.confine()
    yield
    confined_reading.confine(False)


def saved(picture, form, **options):
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def pixels(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def tiff(values, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, values, **options)
    return out.getvalue()


def npy(values):
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def files():
    colours, grey = Image.fromarray(pixels(9, 7, 3)), Image.fromarray(pixels(9, 7))
    clear = Image.fromarray(pixels(9, 7, 4))
    palette = colours.quantize(8)
    turned = Image.Exif()
    turned[0x0112] = 6
    frames = [Image.fromarray(pixels(9, 7, 3)) for _ in range(3)]
    yield "rgb", saved(colours, "PNG")
    yield "grey", saved(grey, "PNG")
    yield "rgba", saved(clear, "PNG")
    yield "palette", saved(palette, "PNG")
    yield "clear-palette", saved(palette, "PNG", transparency=3)
    yield "clear-colour", saved(colours, "PNG", transparency=(1, 2, 3))
    yield "one-bit", saved(grey.convert("1"), "PNG")
    yield "turned", saved(colours, "JPEG", exif=turned)
    yield "cmyk", saved(colours.convert("CMYK"), "JPEG")
    yield "sixteen-bit", saved(Image.fromarray(pixels(9, 7, dtype=np.uint16)), "PNG")
    yield "deep-colours", tiff(pixels(9, 7, 3, dtype=np.uint16), photometric="rgb")
    yield "floats", tiff(RNG.random((9, 7)).astype(np.float32))
    yield "array", npy(RNG.random((2, 9, 7)))
    yield "booleans", npy(RNG.random((9, 7)) > 0.5)
    yield "gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    yield "webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    yield "tiff-pages", saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    yield "ico", saved(Image.fromarray(pixels(32, 32, 4)), "ICO", sizes=[(32, 32)])
    yield "avif", saved(colours, "AVIF")
    yield "heif", heif(colours)


def heif(picture):
    import pillow_heif

    pillow_heif.register_heif_opener()
    return saved(picture, "HEIF")


@pytest.mark.parametrize("content", [pytest.param(c, id=name) for name, c in files()])
def test_the_same_picture_either_way(content, monkeypatch):
    here = decoded(content), read(content)
    monkeypatch.setattr(confined_reading, "_on", True)
    there = decoded(content), read(content)
    for one, other in zip(here, there, strict=True):
        ours = {k: v for k, v in vars(one).items() if k not in ("content", "picture")}
        theirs = {k: v for k, v in vars(other).items() if k not in ("content", "picture")}
        assert ours == theirs
    mine, other = here[0].content, there[0].content
    if isinstance(mine, Image.Image):
        assert (mine.mode, mine.size) == (other.mode, other.size)
        assert mine.has_transparency_data == other.has_transparency_data
        assert mine.convert("RGBA").tobytes() == other.convert("RGBA").tobytes()
    else:
        assert mine.dtype == other.dtype
        assert np.array_equal(mine, other)
    assert here[1].picture.tobytes() == there[1].picture.tobytes()


def test_a_page_a_mask_and_a_refusal_either_way(confined):
    frames = [Image.fromarray(np.full((4, 4), 40 * n, np.uint8)) for n in range(3)]
    content = saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    assert np.asarray(read(content, 3).picture)[0, 0] == 80
    with pytest.raises(BadInput, match="no page 4"):
        read(content, 4)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:4] = 255
    assert np.array_equal(read_mask(saved(Image.fromarray(mask), "PNG"), (8, 8)), mask)
    with pytest.raises(BadInput, match="save the mask in that size"):
        read_mask(saved(Image.fromarray(mask), "PNG"), (9, 9))
    with pytest.raises(BadInput, match="cannot be read as a picture"):
        read(b"nothing")


def test_an_honest_upload_hardly_waits(confined):
    content = saved(Image.fromarray(np.kron(pixels(100, 150, 3), np.ones((10, 10, 1), np.uint8))),
                    "JPEG")  # fmt: skip
    read(content)  # once a process is there
    begun = time.monotonic()
    for _ in range(5):
        read(content)
    assert (time.monotonic() - begun) / 5 < 0.3


def chunk(kind, content):
    return (
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )  # fmt: skip


def huge_png(side=13_000):
    """169 megapixels of one bit in some kilobytes."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * side), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def icon_of(content):
    return struct.pack("<HHH", 0, 1, 1) + struct.pack(
        "<BBBBHHII", 0, 0, 0, 0, 1, 32, len(content), 22
    ) + content  # fmt: skip


def bitmap_icon(side):
    return icon_of(
        struct.pack("<IiiHHIIiiII", 40, side, 2 * side, 1, 32, 0, 0, 0, 0, 0, 0) + bytes(64)
    )


def huge_webp():
    """An animation whose canvas is as large as the format allows, of a picture of 4x4."""
    small = saved(Image.new("RGB", (4, 4)), "WEBP", save_all=True,
                  append_images=[Image.new("RGB", (4, 4), "red")])  # fmt: skip
    content = bytearray(small)
    place = content.index(b"VP8X") + 12
    content[place : place + 6] = (16382).to_bytes(3, "little") * 2
    return bytes(content)


def long_animation():
    """Little data, and every page a whole picture to unpack."""
    frames = [Image.new("L", (200, 200), n % 2) for n in range(2)]
    return saved(frames[0], "GIF", save_all=True, append_images=[frames[1], frames[0]] * 20)


def wide_tiles():
    out = io.BytesIO()
    tifffile.imwrite(
        out, np.zeros((64, 64), np.uint8), tile=(64, 64), compression="zlib", metadata=None
    )
    content = bytearray(out.getvalue())
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        for name in ("TileWidth", "TileLength"):
            tag = file.pages[0].tags[name]
            struct.pack_into("<H" if tag.dtype == 3 else "<I", content, tag.valueoffset, 60_000)
    return bytes(content)


def long_array():
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f8", "fortran_order": False, "shape": (5000, 5000, 3)}
    )
    return head.getvalue() + bytes(64)


@pytest.mark.parametrize(
    ("content", "page", "words"),
    [
        pytest.param(lambda: icon_of(huge_png()), 1, "169 megapixels", id="png-in-an-icon"),
        pytest.param(lambda: bitmap_icon(9_000), 1, "81 megapixels", id="bitmap-in-an-icon"),
        pytest.param(huge_png, 1, "169 megapixels", id="png"),
        pytest.param(long_animation, 40, "all before it", id="animation"),
        pytest.param(huge_webp, 1, "far too large", id="webp"),
        pytest.param(wide_tiles, 1, "when it is unpacked", id="tiles"),
        pytest.param(long_array, 1, "lost its end", id="array"),
    ],
)
def test_what_would_fill_the_memory_is_refused_before_it_does(content, page, words, monkeypatch):
    monkeypatch.setattr("backends.imaging.allocation.MOST", 1_000_000)
    content, grown = content(), []
    opened = Image.core.new  # what Pillow's pictures ask for

    def new(mode, size):
        grown.append(size[0] * size[1])
        return opened(mode, size)

    monkeypatch.setattr(Image.core, "new", new)
    monkeypatch.setattr(Image.core, "fill", lambda mode, size, colour: new(mode, size))
    begun = time.monotonic()
    with pytest.raises(BadInput, match=words):
        decoded(content, Wanted(page))
    assert time.monotonic() - begun < 2
    assert sum(grown) <= 1_000_000


def test_dicom_frames_are_bounded_by_bytes():
    pydicom = pytest.importorskip("pydicom")
    from backends.imaging import dicom

    dataset = pydicom.Dataset()
    dataset.Rows = dataset.Columns = 7000
    dataset.SamplesPerPixel, dataset.BitsAllocated, dataset.NumberOfFrames = 3, 64, 100
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.3", "1.2.3.4"
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    out.seek(0)
    with pytest.raises(BadInput, match="GB when it is unpacked"):
        dicom.read(out, "scan.dcm", Wanted())


def test_a_decoder_that_dies_is_a_sentence(confined, monkeypatch):
    from tests.backends.confined import jobs

    def call(function, what, limits, **_):
        return original(jobs.crashed, what, limits)

    original = confined_reading._processes.call
    with monkeypatch.context() as patched:
        patched.setattr(confined_reading._processes, "call", call)
        with pytest.raises(BadInput, match=r"cannot be read.*save it as PNG or JPEG"):
            read(saved(Image.fromarray(pixels(4, 4)), "PNG"))
    assert read(saved(Image.fromarray(pixels(4, 4)), "PNG")).picture.size == (4, 4)


def test_a_reply_that_lies_is_a_sentence(confined, monkeypatch):
    def call(function, what, limits, *, folder, **_):
        return {"size": [10, 10], "mode": "RGB", "number": 1, "count": 1, "turn": 0, "own": None,
                "inverted": False, "shape_of_windows": "EXACT", "lossy": False}  # fmt: skip

    monkeypatch.setattr(confined_reading._processes, "call", call)
    with pytest.raises(StudioError, match="cannot be read as a picture"):
        read(b"anything")
