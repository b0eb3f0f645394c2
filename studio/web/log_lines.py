"""The studio's log as lines of JSON; no picture, access code, cookie or password is in them."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
from datetime import datetime, timezone
from typing import Any

__all__ = ["JsonLines", "log_as_json", "pseudonym", "redacted"]

FIELDS = "fields"  # of a record: what a line says beside its message
LONGEST = 8000  # characters of a text
HIDDEN = "***"
SECRETS = (
    # data URLs, and whatever else is long and base64
    (re.compile(r"data:[\w.+-]*/[\w.+-]*;base64,[A-Za-z0-9+/=\s]*"), f"data:{HIDDEN}"),
    (re.compile(r"[A-Za-z0-9+/]{200,}={0,2}"), HIDDEN),
    # headers, as they are written, or as they stand in a dict or a list of pairs
    (re.compile(
        r"(?i)(authorization|proxy-authorization|cookie|set-cookie)(b?['\"]?\s*[:=,]\s*b?['\"]?)"
        r"[^'\"\n\r]+"
    ), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b((?:[\w-]*(?:password|passwd|token|secret|invitation)|(?:access[_-])?code)"
                r"['\"]?\s*[:=]\s*['\"]?)[^\s'\"&,;})]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{HIDDEN}@"),
)  # fmt: skip


def redacted(text: str) -> str:
    """The text without what nobody shall read in a log."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def pseudonym(name: str) -> str:
    """The same short word for the same name, which does not tell the name."""
    return hashlib.sha256(name.encode()).hexdigest()[:12] if name else ""


class JsonLines(logging.Formatter):
    """A line of JSON for each record: ``time`` (UTC), ``level``, ``logger``, ``message``, the
    record's own ``fields``, and ``error``, the traceback."""

    def __init__(self, *_: Any, **__: Any) -> None:  # uvicorn gives words of its own
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        at = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds"), "level": record.levelname.lower(),
            "logger": record.name, "message": redacted(record.getMessage()),
        }  # fmt: skip
        own = getattr(record, FIELDS, None)
        if isinstance(own, dict):
            plain = {k: redacted(v) if isinstance(v, str) else v for k, v in own.items()}
            line = plain | line
        if record.exc_info:
            line["error"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def log_as_json() -> None:
    """Write all logs of this process as JSON to the standard error: of the studio also what is
    no trouble, such as the end of each run."""
    import uvicorn.config

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.getLogger("studio").setLevel(logging.INFO)
    logging.captureWarnings(True)
    # Uvicorn sets its own up when it starts.
    for formatter in uvicorn.config.LOGGING_CONFIG["formatters"].values():
        formatter["()"] = f"{__name__}.JsonLines"
