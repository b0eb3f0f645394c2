"""What the confined process does: it learns which function to call, limits itself, calls it, and
writes its reply."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from backends import errors
from backends.confined.limits import Limits

__all__ = ["ALLOWED", "allowed", "dotted", "main"]

Function = TypeVar("Function", bound=Callable[..., Any])
ALLOWED: dict[str, Callable[..., Any]] = {}


def allowed(function: Function) -> Function:
    """Mark a function that may run confined. It takes and gives JSON values; what is large it reads
    from and writes to files whose paths it is given."""
    ALLOWED[dotted(function)] = function
    return function


def dotted(function: Callable[..., Any]) -> str:
    """The name that both processes know a function by."""
    return f"{function.__module__}:{function.__qualname__}"


def main() -> None:
    """Answer the request on the standard input."""
    request = json.load(sys.stdin)
    importlib.import_module(request["function"].partition(":")[0])
    function = ALLOWED[request["function"]]
    Limits(**request["limits"]).apply()
    reply = json.dumps(_called(function, request["arguments"]))
    Path(request["reply"]).write_text(reply, encoding="utf-8")


def _called(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": function(**arguments)}
    except errors.StudioError as error:
        return {"error": type(error).__name__, "says": str(error)}
    except Exception:
        return {"failed": traceback.format_exc(limit=-8)}
