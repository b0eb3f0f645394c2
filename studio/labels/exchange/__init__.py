"""Label sets to and from files, in the formats that other tools read."""

from studio.labels.exchange.formats import (
    FORMATS,
    IMAGES,
    Brought,
    Exported,
    export,
    format_of,
    take_in,
)

__all__ = ["FORMATS", "IMAGES", "Brought", "Exported", "export", "format_of", "take_in"]
