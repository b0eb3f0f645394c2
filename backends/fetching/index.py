"""Find an archive in a package index, as the person's own pip is set up to.

Only the index's page is read here; no package is resolved, built or run.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit
from urllib.request import url2pathname

from backends.errors import MissingPart, Unreachable
from backends.fetching.source import Package

if TYPE_CHECKING:
    from pypi_simple import ProjectPage
    from requests import Session

__all__ = ["Indexes", "locate", "shown"]

PAGE_SECONDS = (10, 30)  # to connect, and between two bytes


@dataclass(frozen=True)
class Indexes:
    """Where to look, in order: ``folders`` with archives, then the ``urls`` of simple indexes;
    ``cert`` and ``proxy`` as pip would use them."""

    urls: tuple[str, ...]
    folders: tuple[Path, ...] = ()
    cert: str | None = None
    proxy: str | None = None

    @classmethod
    def of_person(cls) -> Indexes:
        """What pip's configuration and ``PIP_…`` variables say; the public index otherwise."""
        from pypi_simple import PYPI_SIMPLE_ENDPOINT

        options = _pip_options()
        urls = [options.get("index-url", PYPI_SIMPLE_ENDPOINT)]
        urls += options.get("extra-index-url", "").split()
        links = [_local(link) for link in options.get("find-links", "").split()]
        return cls(
            urls=() if options.get("no-index", "").lower() in ("1", "true", "yes") else (*urls,),
            folders=tuple(folder for folder in links if folder and folder.is_dir()),
            cert=options.get("cert"),
            proxy=options.get("proxy"),
        )

    def session(self) -> Session:
        """For index pages and archives alike."""
        from requests import Session

        session = Session()
        if self.cert:
            session.verify = self.cert
        if self.proxy:
            session.proxies = {"http": self.proxy, "https": self.proxy}
        return session


def locate(package: Package, indexes: Indexes, session: Session) -> str | Path:
    """The archive's URL, or the file itself where a folder or a local index holds it.

    :raises Unreachable: no index has it and at least one does not answer.
    :raises MissingPart: every index answers and none has exactly this archive.
    """
    for folder in indexes.folders:
        if (folder / package.file).is_file():
            return folder / package.file
    silent = []
    for url in indexes.urls:
        try:
            page = _page(url, package.package, session)
        except OSError:  # of requests, and of a local index's files
            silent.append(shown(url))
            continue
        for found in page.packages if page else []:
            if found.filename == package.file and package.sha256 == found.digests.get(
                "sha256", package.sha256
            ):
                return _local(found.url) or found.url
    if silent:
        raise Unreachable(
            "{silent} cannot be reached; check the connection or give --from FOLDER",
            silent=" and ".join(silent),
        )
    where = ", ".join(map(shown, indexes.urls)) or "pip's folders"
    raise MissingPart(
        "{file} with the sha256 that the bundle names is not in {where}; give --from "
        "with a mirror or a folder that has it",
        file=package.file,
        where=where,
    )


def shown(url: str) -> str:
    """A URL as it may be printed: without the password in it."""
    pieces = urlsplit(url)
    return urlunsplit(pieces._replace(netloc=pieces.netloc.rpartition("@")[2]))


def _page(url: str, project: str, session: Session) -> ProjectPage | None:
    """The project's page of one index; None when the index does not know the project."""
    from packaging.utils import canonicalize_name
    from pypi_simple import NoSuchProjectError, ProjectPage, PyPISimple, UnsupportedContentTypeError
    from requests import HTTPError

    folder = _local(url)
    if folder:
        page = folder / canonicalize_name(project) / "index.html"
        if not page.is_file():
            return None
        return ProjectPage.from_html(project, page.read_text("utf-8"), page.as_uri())
    try:
        # The caller's session outlives this client, so it is not closed here.
        return PyPISimple(url, session=session).get_project_page(project, timeout=PAGE_SECONDS)
    except (NoSuchProjectError, UnsupportedContentTypeError):
        return None
    except HTTPError as error:
        if error.response is not None and error.response.status_code < 500:
            return None  # mirrors forbid what they do not carry
        raise


def _local(link: str) -> Path | None:
    """The path behind a ``file:`` URL or a plain path; None for a server's URL."""
    pieces = urlsplit(link)
    if pieces.scheme == "file":
        return Path(url2pathname(pieces.path))
    return None if pieces.scheme in ("http", "https") else Path(link)


def _pip_options() -> dict[str, str]:
    """pip's options by name; a variable outweighs a file, as in pip."""
    variables = {
        key.removeprefix("PIP_").lower().replace("_", "-"): value
        for key, value in os.environ.items()
        if key.startswith("PIP_") and value
    }
    return _pip_files() | variables


def _pip_files() -> dict[str, str]:
    """Options in pip's files, through pip itself, which alone knows where they all lie."""
    asked = subprocess.run(  # nosec B603 # our own Python, fixed words
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    options = {}
    for section in ("global.", "download."):  # the later one wins, as for pip download
        for line in asked.stdout.splitlines():
            key, _, value = line.partition("=")
            if key.startswith(section):
                options[key.removeprefix(section)] = str(ast.literal_eval(value))
    return options
