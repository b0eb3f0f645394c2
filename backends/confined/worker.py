"""What the confined process does: it learns which function to call, limits itself, calls it, and
writes its reply."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from backends import errors
from backends.confined.limits import Limits

__all__ = ["ALLOWED", "allowed", "dotted", "main", "serve"]

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
    _answer(json.load(sys.stdin))


def serve() -> None:
    """Answer requests, a line each on the standard input, each in a fork of this process, which
    has imported what they need; after each print the fork's exit status. Ends with the input."""
    ready = set()
    for line in sys.stdin:
        request = json.loads(line)
        name = request["before"]
        if name and name not in ready:
            _found(name)()
            ready.add(name)
        _found(request["function"])
        status = os.waitpid(_fork(request), 0)[1]
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _fork(request: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        # A parser's own words must not be taken for ours.
        null, told = os.open(os.devnull, os.O_RDWR), os.open(request["stderr"], CREATED, 0o600)
        for source, stream in ((null, 0), (null, 1), (told, 2)):
            os.dup2(source, stream)
        _answer(request)
        code = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


CREATED = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _answer(request: dict[str, Any]) -> None:
    function = _found(request["function"])
    Limits(**request["limits"]).apply()
    reply = json.dumps(_called(function, request["arguments"]))
    Path(request["reply"]).write_text(reply, encoding="utf-8")


def _found(name: str) -> Callable[..., Any]:
    importlib.import_module(name.partition(":")[0])
    return ALLOWED[name]


def _called(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": function(**arguments)}
    except errors.StudioError as error:
        return {"error": type(error).__name__, "says": str(error)}
    except Exception:
        return {"failed": traceback.format_exc(limit=-8)}
