"""Files that experts bring: each opens right, or gets one sentence."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from backends.errors import BadInput, StudioError
from backends.imaging import read, read_picture

RAMP = np.tile(np.linspace(0, 1, 64), (48, 1))  # black at the left, white at the right


def dicom(values, *, kind="MONOCHROME2", frames=None, **fields):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.Rows, file.Columns = values.shape[-2:] if kind != "RGB" else values.shape[:2]
    file.SamplesPerPixel, file.PhotometricInterpretation = (3 if kind == "RGB" else 1), kind
    file.BitsAllocated = 8 * values.dtype.itemsize
    file.BitsStored = fields.pop("bits", file.BitsAllocated)
    file.HighBit = file.BitsStored - 1
    file.PixelRepresentation = int(values.dtype.kind == "i")
    if kind == "RGB":
        file.PlanarConfiguration = 0
    if frames:
        file.NumberOfFrames = frames
    for name, value in fields.items():
        setattr(file, name, value)
    file.PixelData = values.tobytes()
    out = io.BytesIO()
    pydicom.dcmwrite(out, file)
    return out.getvalue()


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def tiff(values, **options):
    out = io.BytesIO()
    tifffile.imwrite(out, values, **options)
    return out.getvalue()


def npy(values):
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def heic(picture):
    import pillow_heif

    pillow_heif.register_heif_opener()
    return saved(picture, "HEIF", quality=90)


def grey(scale=255, kind=np.uint8):
    return (RAMP * scale).astype(kind)


L = Image.fromarray(grey())
RGB = L.convert("RGB")
HOUNSFIELD = (RAMP * 2000 - 1000).astype(np.int16)
RAMPS = {
    "dicom 8 bit": dicom(grey()),
    "dicom 12 bit in 16": dicom(grey(4095, np.uint16), bits=12),
    "dicom 16 bit": dicom(grey(65535, np.uint16)),
    "dicom signed": dicom(HOUNSFIELD),
    "dicom with slope": dicom(grey(2000, np.uint16), RescaleSlope=1, RescaleIntercept=-1000),
    "dicom with a window": dicom(HOUNSFIELD, WindowCenter=0, WindowWidth=2000),
    "dicom with several windows": dicom(HOUNSFIELD, WindowCenter=[0, 40], WindowWidth=[2000, 400]),
    "dicom monochrome 1": dicom(grey()[:, ::-1].copy(), kind="MONOCHROME1"),
    "dicom monochrome 1 deep": dicom(grey(4095, np.uint16)[:, ::-1].copy(), kind="MONOCHROME1"),
    "dicom rgb": dicom(np.repeat(grey()[..., None], 3, 2), kind="RGB"),
    "dicom frames": dicom(np.stack([grey(), 255 - grey()]), frames=2),
    "heic": heic(RGB),
    "jpeg 2000": saved(L, "JPEG2000"),
    "jpeg 2000 colour": saved(RGB, "JPEG2000"),
    "16 bit png": saved(Image.fromarray(grey(65535, np.uint16)), "PNG"),
    "12 bit in a 16 bit png": saved(Image.fromarray(grey(4095, np.uint16)), "PNG"),
    "8 bit tiff": tiff(grey()),
    "16 bit tiff": tiff(grey(65535, np.uint16)),
    "12 bit tiff": tiff(grey(4095, np.uint16)),
    "signed tiff": tiff(HOUNSFIELD),
    "32 bit tiff": tiff(grey(100_000, np.uint32)),
    "float tiff": tiff(grey(1.0, np.float32)),
    "double tiff": tiff(grey(1.0, np.float64)),
    "float tiff to 255": tiff(grey(255.0, np.float32)),
    "16 bit rgb tiff": tiff(np.repeat(grey(65535, np.uint16)[..., None], 3, 2), photometric="rgb"),
    "planar rgb tiff": tiff(
        np.repeat(grey()[None], 3, 0), photometric="rgb", planarconfig="separate"
    ),
    "big tiff": tiff(grey(65535, np.uint16), bigtiff=True),
    "multi-page tiff": tiff(np.stack([grey(), 255 - grey()])),
    "cmyk jpeg": saved(RGB.convert("CMYK"), "JPEG", quality=95),
    "cmyk tiff": saved(RGB.convert("CMYK"), "TIFF"),
    "packed tiff": saved(RGB, "TIFF", compression="packbits"),
    "deflated tiff": saved(L, "TIFF", compression="tiff_adobe_deflate"),
    "palette": saved(L.convert("P"), "PNG"),
    "palette gif": saved(L, "GIF"),
    "animated gif": saved(L, "GIF", save_all=True, append_images=[L.transpose(0)]),
    "animated webp": saved(
        RGB, "WEBP", save_all=True, append_images=[RGB.transpose(0)], lossless=True
    ),
    "bmp": saved(RGB, "BMP"),
    "pgm": saved(L, "PPM"),
    "16 bit pgm": b"P5 64 48 65535\n" + grey(65535, np.uint16).astype(">u2").tobytes(),
    "avif": saved(RGB, "AVIF", quality=90),
    "numpy bytes": npy(grey()),
    "numpy floats": npy(grey(1.0, np.float32)),
    "numpy colours": npy(np.repeat(grey()[..., None], 3, 2)),
    "numpy pages": npy(np.stack([grey(), 255 - grey()])),
    "numpy half floats": npy(grey(1.0, np.float16)),
}


@pytest.mark.parametrize("name", RAMPS)
def test_a_ramp_is_a_ramp(name):
    found = np.asarray(read_picture(RAMPS[name]).convert("L")).astype(int)
    assert found.shape == (48, 64)
    error = np.abs(found[4:-4, 2:-2] - (RAMP[4:-4, 2:-2] * 255).round())
    assert error.mean() < 6, "black at the left, white at the right"
    assert error.max() < 20


def test_one_bit_files_are_black_and_white():
    half = Image.fromarray(RAMP > 0.5)
    for kind in ("PNG", "TIFF", "BMP"):
        assert set(np.unique(np.asarray(read_picture(saved(half, kind))))) == {0, 255}


@pytest.mark.parametrize(
    "name", ["dicom frames", "multi-page tiff", "animated gif", "animated webp", "numpy pages"]
)
def test_pages_are_told_and_chosen(name):
    first, second = (read(RAMPS[name], page) for page in (1, 2))
    assert (first.pages, second.page) == (2, 2)
    assert first.note.startswith("page 1 of 2")
    a, b = (np.asarray(one.picture.convert("L")).astype(int) for one in (first, second))
    assert a[24, 4] < 40 < 215 < a[24, -4]
    assert b[24, 4] > 215 or "animated" in name
    for page in (0, 3, -1):
        with pytest.raises(BadInput, match=f"has 2 pages, and no page {page}"):
            read(RAMPS[name], page)


def test_a_window_is_dicoms_own_or_the_persons():
    own = read(RAMPS["dicom with several windows"])
    assert own.window == (0.0, 2000.0)
    assert own.note == "values from -1000 (black) to 999 (white)"
    narrow = read(RAMPS["dicom with several windows"], window=(0, 200))
    levels = np.asarray(narrow.picture)
    assert (levels[:, :26] == 0).all()
    assert (levels[:, 38:] == 255).all()
    assert read(RAMPS["16 bit png"]).window == (32767.5, 65535.0)
    assert read(RAMPS["palette"]).window is None
    with pytest.raises(BadInput, match="width must be greater than 0"):
        read(RAMPS["16 bit png"], window=(10, 0))


def test_a_phones_picture_is_upright():
    picture = Image.fromarray(grey()[:, ::-1].copy())  # upside down, as ORIENTATION 3 says
    exif = Image.Exif()
    exif[0x0112] = 3
    found = np.asarray(read_picture(saved(picture, "JPEG", exif=exif)))
    assert found[24, 4] < 40


def large(kind):
    """A header that promises a hundred megapixels."""
    if kind == "png":
        body = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 0, 0, 0, 0)
        chunk = b"IHDR" + body
        head = struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return b"\x89PNG\r\n\x1a\n" + head + struct.pack(">I", 0) + b"IDAT" + b"\0" * 4
    if kind == "npy":
        out = io.BytesIO()
        header = {"descr": "|u1", "fortran_order": False, "shape": (10_000, 10_000)}
        np.lib.format.write_array_header_1_0(out, header)
        return out.getvalue()
    file = pydicom.dcmread(io.BytesIO(dicom(grey())))
    file.Rows = file.Columns = 10_000
    out = io.BytesIO()
    pydicom.dcmwrite(out, file)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["png", "npy", "dicom"])
def test_a_hundred_megapixels_are_refused_before_they_are_decoded(kind):
    with pytest.raises(BadInput, match="megapixels"):
        read_picture(large(kind))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"hello", "cannot be read as a picture"),
        (b"\0" * 128 + b"DICM" + b"\0" * 40, "holds no picture"),
        (dicom(grey())[:-2000], "damaged|compressed"),
        (b"\x93NUMPY\x01\0junk", "damaged"),
        (npy(grey())[:-100], "lost its end"),
        (npy(np.zeros((2, 2, 2, 2))), "shape"),
        (npy(np.array(["a"])), "no numbers"),
        (npy(np.zeros((4, 4), complex)), "no numbers"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"\0" * 344 + b"n+1\0" + b"\0" * 100, "NIfTI"),
        (RAMPS["16 bit rgb tiff"][:200], "cannot be read"),
        (RAMPS["heic"][:300], "cannot be read"),
        (RAMPS["jpeg 2000"][:60], "cannot be read"),
        (b"%PDF-1.4", "PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing"),
    ],
)
def test_what_is_none_is_one_sentence(content, says):
    with pytest.raises(StudioError, match=says) as caught:
        read_picture(content)
    assert "\n" not in str(caught.value)


def test_an_object_array_never_runs_code(tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    out = io.BytesIO()
    np.save(out, np.array([Evil()], dtype=object), allow_pickle=True)
    with pytest.raises(BadInput, match="no numbers"):
        read_picture(out.getvalue())
    assert not (tmp_path / "ran").exists()


def test_every_byte_of_a_file_may_be_wrong():
    """Damage never ends in anything but a sentence."""
    generator = np.random.default_rng(0)
    for name in ("dicom 12 bit in 16", "16 bit rgb tiff", "heic", "jpeg 2000", "numpy pages"):
        for _ in range(40):
            content = bytearray(RAMPS[name])
            for place in generator.integers(0, min(len(content), 2000), 6):
                content[place] = generator.integers(256)
            with contextlib.suppress(StudioError):  # anything else fails the test
                read_picture(bytes(content))
