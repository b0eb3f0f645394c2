"""Label sets to and from files, in the formats that other tools read."""

from studio.labels.exchange.file_formats import (
    FORMATS,
    IMAGES,
    Exported,
    Imported,
    export,
    format_of,
    import_labels,
)

__all__ = ["FORMATS", "IMAGES", "Exported", "Imported", "export", "format_of", "import_labels"]
