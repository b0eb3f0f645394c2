"""Pictures as data URLs, which need no file beside the page that shows them."""

from __future__ import annotations

import base64
import io
from typing import Any, Literal

from PIL import Image

__all__ = ["data_url", "encoded_url"]


def data_url(picture: Image.Image, form: Literal["PNG", "JPEG"] = "PNG", **options: Any) -> str:
    """A picture as a data URL.

    :param options: of Pillow's encoder, such as ``optimize``.
    """
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return encoded_url(buffer.getvalue(), form)


def encoded_url(content: bytes, form: Literal["PNG", "JPEG"] = "PNG") -> str:
    """The bytes of a PNG or JPEG file as a data URL."""
    return f"data:image/{form.lower()};base64,{base64.b64encode(content).decode()}"
