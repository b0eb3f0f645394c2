"""Files that are known and not read: what to do with each."""

from __future__ import annotations

import zlib

__all__ = ["advice"]

SLICE = "save the slice that shall be explained as PNG, TIFF, DICOM or .npy"
KNOWN = (
    (0, b"SIMPLE  =", f"is a FITS file, which holds a table of images; {SLICE}"),
    (344, b"n+1\0", f"is a NIfTI volume, of which one slice can be explained; {SLICE}"),
    (344, b"ni1\0", f"is the header of a NIfTI volume; {SLICE}"),
    (4, b"n+2\0", f"is a NIfTI volume, of which one slice can be explained; {SLICE}"),
    (0, b"NRRD", f"is an NRRD volume, of which one slice can be explained; {SLICE}"),
    (0, b"ObjectType", f"is a MetaImage volume, of which one slice can be explained; {SLICE}"),
    (0, b"\x89HDF", f"is an HDF5 file, which may hold anything; {SLICE}"),
    (0, b"MATLAB 5.0", f"is a MATLAB file, which may hold anything; {SLICE}"),
    (0, b"PK\x03\x04", "is a zip archive; unpack it and choose one picture"),
    (0, b"Rar!", "is an archive; unpack it and choose one picture"),
    (0, b"7z\xbc\xaf", "is an archive; unpack it and choose one picture"),
    (0, b"%PDF", "is a PDF; save the page that shall be explained as PNG"),
    (0, b"%!PS", "is PostScript; save it as PNG"),
    (0, b"\xc5\xd0\xd3\xc6", "is PostScript; save it as PNG"),
    (0, b"8BPS", "is a Photoshop file; save it as PNG or TIFF"),
    (0, b"v/1\x01", "is an OpenEXR file; save it as a TIFF of floats"),
    (0, b"#?RADIANCE", "is a Radiance file; save it as a TIFF of floats"),
    (0, b"II\xbc", "is a JPEG XR picture; save it as PNG or JPEG"),
    (0, b"\xff\x0a", "is a JPEG XL picture; save it as PNG or JPEG"),
    (4, b"JXL ", "is a JPEG XL picture; save it as PNG or JPEG"),
    (4, b"ftypcrx", "is a camera's raw file; develop it and save it as TIFF or JPEG"),
    (4, b"ftypqt", "is a film; save one of its frames as PNG"),
    (4, b"ftypmp4", "is a film; save one of its frames as PNG"),
    (4, b"ftypisom", "is a film; save one of its frames as PNG"),
    (0, b"\x1aE\xdf\xa3", "is a film; save one of its frames as PNG"),
    (0, b"gimp xcf", "is a GIMP project; export it as PNG or TIFF"),
)  # fmt: skip
DRAWINGS = (b"<svg", b"<?xml", b"<!doctype html", b"<html")


def advice(head: bytes) -> str | None:
    """Say what a file is and what to do with it, given its first bytes; None of others."""
    if head.startswith(b"\x1f\x8b"):
        inside = _unpacked(head)
        return advice(inside) or "is compressed by gzip; unpack it first"
    for place, mark, sentence in KNOWN:
        if head[place : place + len(mark)] == mark:
            return sentence
    start = head[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(DRAWINGS):
        return "is a drawing or a text (XML); save it as PNG"
    return None


def _unpacked(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(head, 512)
    except zlib.error:
        return b""
