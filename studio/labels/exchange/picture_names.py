"""Find a picture by what a file calls it: a name, a path, or one of Label Studio's addresses.

Label Studio refers to a picture in many ways, and none is the name that it had:

* an upload is ``/data/upload/3/1a2b3c4d-my_cat.png``: eight hexadecimal digits before the name,
  folders dropped, blanks turned to ``_``, other characters but letters, digits, - and . dropped;
* a local file is ``/data/local-files/?d=folder/cat.png``, with or without percent-encoding;
* a bucket's is ``s3://bucket/folder/cat.png``, or ``/tasks/1/presign/?fileuri=`` and base64;
* any other address has the name in its path, not in its query.

Folders that both sides tell must agree, since 001.png in two folders are two pictures.
"""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from backends.errors import BadInput

__all__ = ["PictureNames", "looks_like_picture", "names_of", "paths_of"]

PICTURE = re.compile(
    r"\.(png|jpe?g|gif|webp|bmp|tiff?|p[bgp]m|avif|hei[cf]|jp2|dcm|svg)$", re.IGNORECASE
)
UPLOADED = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?-(?=.)")
UPLOADS = re.compile(r"(^|/)upload/(\d+/)?[^/]+$")  # the path of an upload
SERVED = re.compile(r"(^|/)local-files/?$")  # the path of a local file's address
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)

Fold = Callable[[str], str]
Target = TypeVar("Target")


@dataclass(frozen=True)
class Spelling:
    """One reading of a reference.

    :ivar parts: folders and name.
    :ivar upload: whether folders may have been dropped, and characters changed.
    :ivar given: the parts as the reference has them, where something was dropped of the name.
    """

    parts: tuple[str, ...]
    upload: bool = False
    given: tuple[str, ...] = ()

    @property
    def full(self) -> str:
        """The text that identifies this reference."""
        return _nfc("/".join(self.given or self.parts))


def _spellings(reference: str) -> list[Spelling]:
    """What a reference may mean, the likeliest first."""
    found: dict[Spelling, None] = {}
    stripped: dict[Spelling, None] = {}
    for path, upload in _paths(reference):
        parts = tuple(p for p in path.replace("\\", "/").split("/") if p not in ("", ".", ".."))
        if not parts:
            continue
        upload = upload or bool(UPLOADS.search(path))
        found[Spelling(parts[-1:] if upload else parts, upload)] = None
        name = UPLOADED.sub("", parts[-1])
        if name != parts[-1]:
            stripped[Spelling((name,), True, parts[-1:])] = None
    return [*found, *stripped]


def names_of(reference: str) -> list[str]:
    """What a picture may be called here, the plainest first: its name before it was uploaded, its
    name now, its path; nothing for a data: URL."""
    if reference.startswith("data:"):
        return []
    read = _spellings(reference)
    decoded = next((s for s in read if "%" not in "".join(s.parts)), read[0] if read else None)
    if decoded is None:
        return []
    name, path = _nfc(decoded.parts[-1]), _nfc("/".join(decoded.parts))
    return list(dict.fromkeys((UPLOADED.sub("", name), name, path)))


def paths_of(reference: str) -> list[tuple[str, ...]]:
    """The paths of at least a folder and a name that a reference may end with, the longest
    first."""
    found = {
        s.parts[start:] for s in _spellings(reference) if not s.upload
        for start in range(len(s.parts) - 1)
    }  # fmt: skip
    return sorted(found, key=len, reverse=True)


def looks_like_picture(text: str) -> bool:
    """Whether a text refers to a picture: a data: URL, a bucket's or Label Studio's address, or a
    name that ends like a picture's."""
    if text.startswith(("data:image/", "/data/upload/", "/data/local-files", "s3://", "gs://")):
        return True
    if "\n" in text or len(text) > 4000:
        return False
    return any(PICTURE.search(path.strip()) for path, _ in _paths(text))


def _paths(reference: str) -> Iterator[tuple[str, bool]]:
    """The paths that a reference may stand for, and whether each is an upload's."""
    for text in dict.fromkeys((reference, reference.strip(), html.unescape(reference.strip()))):
        address = _split(text)
        if address is None:
            yield from _decoded(text, False)
            continue
        inner = _parameter(address.query, "fileuri")
        if inner:
            yield from _paths(_base64(unquote(inner)))
        elif SERVED.search(address.path):
            # An unencoded name may hold & and #.
            given = text.partition("?")[2].partition("d=")[2]
            for value in dict.fromkeys((_parameter(address.query, "d"), given)):
                yield from _decoded(value, False, plus=True)
        else:
            upload = bool(UPLOADS.search(address.path))
            yield from _decoded(address.path, upload)
            if PICTURE.search(address.fragment):  # a # that nobody encoded
                yield from _decoded(f"{address.path}#{address.fragment}", upload)
            if PICTURE.search(address.query) and "=" not in address.query:
                yield from _decoded(f"{address.path}?{address.query}", upload)
            if not PICTURE.search(unquote(address.path)):
                for pair in address.query.split("&"):
                    value = pair.partition("=")[2]
                    if PICTURE.search(unquote(value)):
                        yield from _decoded(value, False, plus=True)


def _split(text: str) -> SplitResult | None:
    """The parts of an address; None where the text is a name or a path."""
    local = re.match(r"^/?(data|tasks|storage|upload)/", text) or "local-files" in text
    if not (SCHEME.match(text) or local):
        return None
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _parameter(query: str, name: str) -> str:
    """A query's parameter as it stands: a + is a + here, since Label Studio leaves it so."""
    found = re.search(rf"(?:^|&){name}=([^&]*)", query)
    return found[1] if found else ""


def _decoded(path: str, upload: bool, plus: bool = False) -> Iterator[tuple[str, bool]]:
    once = unquote(path)
    some = [path, once, unquote(once)]
    if plus or "+" in path:
        some += [unquote(path.replace("+", " "))]
    for text in dict.fromkeys(some):
        yield text, upload


def _base64(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return ""


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _any_case(text: str) -> str:
    return _nfc(_nfc(text).casefold())


def _uploadable(text: str) -> str:
    """A name as Django, and so Label Studio, makes it for an uploaded file."""
    return re.sub(r"[^-\w.]", "", _nfc(text).replace(" ", "_"))


def _uploadable_any_case(text: str) -> str:
    return _uploadable(_any_case(text))


def _last(name: str) -> str:
    return _nfc(name.replace("\\", "/").rpartition("/")[2])


class PictureNames(Generic[Target]):
    """Pictures by their names, which may be paths.

    :param named: names with what they name; a picture may have several. Where one is an upload's,
        no other upload is that picture.
    """

    def __init__(self, named: Iterable[tuple[str, Target]]) -> None:
        self._named = list(named)
        self._meant: dict[tuple[str, Target], str] = {}
        self._uploads: dict[Target, set[str]] = defaultdict(set)
        for name, target in self._named:
            if UPLOADED.match(_last(name)):
                self._uploads[target].add(_last(name))
        self._folded: dict[Fold, dict[str, list[tuple[tuple[str, ...], str, Target]]]] = {}

    def find(self, reference: str) -> Target | None:
        """The picture that a reference means; None where there is none.

        :raises BadInput: it may mean several, or another reference meant the same one by the same
            name: two pictures that no longer differ by name must not become one.
        """
        read = _spellings(reference)
        # An upload may be any of the pictures whose names turn into its own.
        for fold, uploaded in ((_nfc, _uploadable), (_any_case, _uploadable_any_case)):
            for spelling in read:
                match = self._match(spelling, uploaded if spelling.upload else fold)
                if match is not None and not self._another_upload(spelling, *match):
                    name, target = match
                    other = self._meant.setdefault((name, target), spelling.full)
                    if other != spelling.full:
                        raise BadInput(
                            "both {other!r} and {full!r} may be {name!r}, and nothing tells which",
                            other=other,
                            full=spelling.full,
                            name=name,
                        )
                    return target
        return None

    def _another_upload(self, spelling: Spelling, name: str, target: Target) -> bool:
        """Whether what was found is known as an upload, and not as this one."""
        uploads = self._uploads.get(target, set()) - {_last(name)}
        return bool(spelling.given and uploads and _nfc(spelling.given[-1]) not in uploads)

    def _match(self, spelling: Spelling, fold: Fold) -> tuple[str, Target] | None:
        """The one picture of such a name, and the name."""
        parts = tuple(map(fold, spelling.parts))
        found = []
        for names, name, target in self._by_last(fold).get(parts[-1], ()):
            common = min(len(names), len(parts))
            if names[-common:] == parts[-common:]:
                exact = names == parts and not spelling.upload
                found.append((common, exact, name, target))
        if not found:
            return None
        best = max((common, exact) for common, exact, *_ in found)
        named = {target: name for common, exact, name, target in found if (common, exact) == best}
        if len(named) > 1:
            several = " and ".join(sorted(named.values())[:2])
            raise BadInput(
                "{parts!r} is there more than once ({several})",
                parts="/".join(spelling.parts),
                several=several,
            )
        ((target, name),) = named.items()
        return name, target

    def _by_last(self, fold: Fold) -> dict[str, list[tuple[tuple[str, ...], str, Target]]]:
        if fold not in self._folded:
            index: dict[str, list[tuple[tuple[str, ...], str, Target]]] = defaultdict(list)
            for name, target in self._named:
                parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".", "..")]
                folded = tuple(map(fold, parts or [name]))
                index[folded[-1]].append((folded, name, target))
            self._folded[fold] = index
        return self._folded[fold]
