"""A file of the people who may log in: their names, what their passwords become by scrypt, and
whether they administer the studio."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backends.errors import BadInput
from backends.files import atomic_write

__all__ = ["User", "Users"]

# RFC 7914, with which a guess takes about 50 ms and 16 MB.
COST: dict[str, Any] = {"n": 2**14, "r": 8, "p": 1}
SHORTEST = 10  # characters of a password
NAME = r"^[^\s:\x00-\x1f\x7f]{1,60}$"  # HTTP's Basic scheme separates by a colon


class User(BaseModel):
    """A person who may log in; of the password only what scrypt makes of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME)
    salt: str
    digest: str
    administrator: bool = False


@dataclass(frozen=True)
class Users:
    """People by name."""

    people: tuple[User, ...] = ()
    _seen: dict[bytes, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, path: Path) -> Users:
        """Read a file of users; without a file there are none.

        :raises BadInput: it is no such file.
        """
        if not path.exists():
            return cls()
        try:
            return cls(tuple(User(**one) for one in json.loads(path.read_text())))
        except (OSError, ValueError, TypeError, ValidationError) as error:
            raise BadInput(
                "{path} holds no users; make it by: python -m studio users add NAME", path=path
            ) from error

    def write(self, path: Path) -> None:
        """Write the file, which only its owner may read."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps([user.model_dump() for user in self.people], indent=2)
        with atomic_write(path) as scratch:
            scratch.touch(mode=0o600)
            scratch.write_text(text + "\n")

    @property
    def names(self) -> list[str]:
        """Who may log in."""
        return [user.name for user in self.people]

    @property
    def administrators(self) -> frozenset[str]:
        """Who may do more."""
        return frozenset(user.name for user in self.people if user.administrator)

    def with_user(self, name: str, password: str, administrator: bool = False) -> Users:
        """The users with one more, or with a new password of an existing one.

        :raises BadInput: the name or the password cannot be one.
        """
        if len(password) < SHORTEST:
            raise BadInput(
                "the password is too short; take {shortest} characters or more", shortest=SHORTEST
            )
        salt = secrets.token_bytes(16)
        try:
            user = User(
                name=name, salt=_text(salt), digest=_text(_hashed(password, salt)),
                administrator=administrator,
            )  # fmt: skip
        except ValidationError as error:
            raise BadInput(
                "{name!r} cannot be a user's name; take up to 60 characters without spaces "
                "and colons",
                name=name,
            ) from error
        return replace(self, people=(*self._without(name), user))

    def without(self, name: str) -> Users:
        """The users without one.

        :raises BadInput: nobody is called so.
        """
        if name not in self.names:
            known = f"choose from: {', '.join(self.names)}" if self.names else "there are none yet"
            raise BadInput("there is no user {name!r}; {known}", name=name, known=known)
        return replace(self, people=tuple(self._without(name)))

    def _without(self, name: str) -> Iterable[User]:
        return (user for user in self.people if user.name != name)

    def check(self, name: str, password: str) -> bool:
        """Whether that is the user's password. The digest of a right password is kept in memory,
        because browsers send it with every request. A wrong one always takes scrypt's time, also
        for a name that does not exist."""
        key = hashlib.blake2b(f"{name}\0{password}".encode(), key=KEY).digest()
        if self._seen.get(key) == name:
            return True
        user = next((user for user in self.people if user.name == name), None)
        salt = base64.b64decode(user.salt) if user else bytes(16)
        found = _text(_hashed(password, salt))
        right = user is not None and hmac.compare_digest(found, user.digest)
        if right:
            self._seen[key] = name
        return right


KEY = secrets.token_bytes(32)  # of this process alone


def _hashed(password: str, salt: bytes) -> bytes:
    # HMAC, within scrypt, takes no notice of zeros at a password's end.
    content = hashlib.sha256(password.encode(errors="surrogatepass")).digest()
    return hashlib.scrypt(content, salt=salt, dklen=32, **COST)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
