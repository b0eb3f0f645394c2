"""What advances runs: in this process (inline), or in one device thread (local)."""

from backends.errors import BadInput

__all__ = ["require_local"]


def require_local(name: str) -> None:
    """Check ``--engine``, of which there is one so far.

    :raises BadInput: it is another.
    """
    if name != "local":
        raise BadInput(f"there is no engine {name!r}; choose: local")
