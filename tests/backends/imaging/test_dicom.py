"""DICOM files show what the standard says, and what pydicom's own functions compute."""

import io
import sys

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, Sequence
from pydicom.pixels import apply_voi_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from backends.errors import BadInput, MissingPart, StudioError
from backends.imaging import read
from tests.backends.imaging.test_awkward_files import dicom

Y, X = np.mgrid[0:40, 0:56]
VALUES = (X * 60 + Y * 10).astype(np.int16) - 1000  # -1000 to 2690
BYTES = (X * 4 + Y).astype(np.uint8)
COLOURS = np.dstack([BYTES, 255 - BYTES, BYTES // 2 + 60])


def item(**fields):
    made = Dataset()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def written(file, **options):
    out = io.BytesIO()
    pydicom.dcmwrite(out, file, **options)
    return out.getvalue()


def again(content):
    return pydicom.dcmread(io.BytesIO(content))


def seen(content, *args):
    return np.asarray(read(content, *args).picture)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("window", [(40, 400), (300.5, 1500), (0, 1)])
def test_windows_are_pydicoms(function, window):
    centre, width = window
    content = dicom(VALUES, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
    if function == "LINEAR" and width == 1:  # pydicom divides by 0 there
        wanted = np.where(centre - 0.5 < VALUES, 255, 0)
    else:
        with np.errstate(over="ignore"):
            values = apply_voi_lut(VALUES.astype(float), again(content))
        wanted = (values + 32768) / 65535 * 255
    assert np.abs(seen(content) - wanted).max() <= 1
    # The same window, chosen by a person, is the same picture.
    assert np.array_equal(seen(content, 1, window), seen(content))


def test_the_modalitys_units_come_before_the_window():
    stored = (VALUES + 1024).astype(np.uint16)
    hounsfield = {"RescaleSlope": 1, "RescaleIntercept": -1024, "Modality": "CT"}
    scaled = dicom(stored, WindowCenter=40, WindowWidth=400, **hounsfield)
    plain = dicom(VALUES, WindowCenter=40, WindowWidth=400)
    assert np.array_equal(seen(scaled), seen(plain))
    assert read(scaled).span == (-1000, 2690)


def test_a_lookup_table_comes_before_a_window():
    values = (65535 - 257 * np.arange(256)).astype("<u2").tobytes()
    table = item(LUTDescriptor=[256, 0, 16], LUTData=values)
    content = dicom(BYTES.astype(np.uint16), VOILUTSequence=Sequence([table]))
    assert np.array_equal(seen(content), 255 - BYTES)
    # A person's window is of the values themselves.
    assert np.array_equal(seen(content, 1, (128, 256)), BYTES)


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 800, "WindowWidth": 3000}])
def test_monochrome_1_is_dark_where_2_is_bright(window):
    one = read(dicom(VALUES, kind="MONOCHROME1", **window))
    two = read(dicom(VALUES, **window))
    assert np.array_equal(np.asarray(one.picture), 255 - np.asarray(two.picture))
    assert one.ends == two.ends[::-1]


def test_padding_does_not_count():
    padded = VALUES.copy()
    padded[:, :20] = -32768
    padded_file = read(dicom(padded, PixelPaddingValue=-32768))
    assert padded_file.span == (200, 2690)
    assert not np.asarray(padded_file.picture)[:, :20].any()


@pytest.mark.parametrize("kind", ["shared", "single"])
def test_a_frames_own_words_are_those_of_its_groups(kind):
    frames = np.stack([VALUES, VALUES])
    groups = [
        item(
            PixelValueTransformationSequence=Sequence(
                [item(RescaleSlope=slope, RescaleIntercept=0, RescaleType="HU")]
            ),
            FrameVOILUTSequence=Sequence([item(WindowCenter=40 * slope, WindowWidth=400)]),
        )
        for slope in (1, 2)
    ]
    shared = {"SharedFunctionalGroupsSequence": Sequence(groups[:1])}
    single = {"PerFrameFunctionalGroupsSequence": Sequence(groups)}
    content = dicom(frames, frames=2, **(shared if kind == "shared" else single))
    assert read(content, 1).window == (40, 400)
    assert read(content, 2).window == ((40, 400) if kind == "shared" else (80, 400))
    assert read(content, 2).span[1] == (2690 if kind == "shared" else 5380)


@pytest.mark.parametrize("space", ["RGB", "YBR_FULL"])
def test_colours_are_the_files(space):
    from pydicom.pixels import convert_color_space

    stored = COLOURS if space == "RGB" else convert_color_space(COLOURS, "RGB", space)
    file = again(dicom(stored, kind="RGB"))
    file.PhotometricInterpretation = space
    assert np.abs(seen(written(file)).astype(int) - COLOURS).max() <= 3


def test_a_palette_is_looked_up():
    file = again(dicom(BYTES))
    file.PhotometricInterpretation = "PALETTE COLOR"
    for colour, table in (("Red", 255), ("Green", 0), ("Blue", 128)):
        values = np.where(np.arange(256) > 100, table, 0).astype(np.uint8)
        name = f"{colour}PaletteColorLookupTable"
        file.add_new(name + "Descriptor", "US", [256, 0, 8])
        file.add_new(name + "Data", "OW", values.tobytes())
    wanted = np.where((BYTES > 100)[..., None], (255, 0, 128), 0)
    assert np.array_equal(seen(written(file)), wanted)


def test_compressed_files_are_read():
    file = again(dicom(VALUES, WindowCenter=40, WindowWidth=400))
    plain = seen(written(file))
    file.compress(RLELossless)
    assert np.array_equal(seen(written(file)), plain)


def test_a_compression_without_a_decoder_says_what_brings_one():
    file = again(dicom(BYTES))
    file.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
    file.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8" + b"\0" * 20])
    file["PixelData"].VR = "OB"
    with pytest.raises(MissingPart, match=r"JPEG Lossless.*pip install"):
        read(written(file))


def test_a_file_without_a_preamble_is_read():
    content = dicom(BYTES)
    assert np.array_equal(seen(content[132:]), BYTES)


def test_a_deflated_file_is_read_and_a_bomb_is_not(monkeypatch):
    file = again(dicom(VALUES))
    file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content = written(file)
    assert np.array_equal(seen(content), seen(dicom(VALUES)))
    monkeypatch.setattr("backends.imaging.dicom.MOST", 1000)
    with pytest.raises(BadInput, match="far too large"):
        read(content)


def test_a_report_holds_no_picture():
    file = again(dicom(BYTES))
    del file.PixelData, file.Rows, file.Columns
    file.Modality = "SR"
    with pytest.raises(BadInput, match=r"SR.*no picture"):
        read(written(file))


def test_without_pydicom_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(StudioError, match=r"pip install .*medical"):
        read(dicom(BYTES))
