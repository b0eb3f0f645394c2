"""A package index on this machine that can break off, send wrong bytes and refuse ranges."""

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mirror:
    """Serves ``files`` as one project's page and archives.

    ``cuts``: after how many bytes to break off, one an answer. ``spoilt``: how many whole
    answers carry a wrong byte. ``ranges``: whether a Range is honoured. ``status``: of archives.
    ``hold``: archives wait in their middle until it is set. ``asked``: the Range of each request
    for an archive, None without one.
    """

    def __init__(self, project: str, files: dict[str, bytes]) -> None:
        self.project, self.files = project, files
        self.cuts: list[int] = []
        self.spoilt = 0
        self.ranges = True
        self.status = 200
        self.page_status = 200
        self.as_json = False
        self.digests: dict[str, str] = {}
        self.hold: threading.Event | None = None
        self.half_sent = threading.Event()
        self.asked: list[str | None] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.answer(self)

            def do_HEAD(self) -> None:
                mirror.answer(self)

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> "Mirror":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/simple/"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.rstrip("/").rpartition("/")[2]
        if request.path.startswith("/files/") and name in self.files:
            self.send_archive(request, self.files[name])
        elif request.path == f"/simple/{self.project}/" and self.page_status == 200:
            kind, body = self.page()
            send(request, 200, body, {"Content-Type": kind})
        else:
            send(request, 404 if self.page_status == 200 else self.page_status, b"no")

    def page(self) -> tuple[str, bytes]:
        digests = {
            name: self.digests.get(name) or hashlib.sha256(content).hexdigest()
            for name, content in self.files.items()
        }
        if self.as_json:
            files = [
                {"filename": name, "url": f"/files/{name}", "hashes": {"sha256": digest}}
                for name, digest in digests.items()
            ]
            page = {"meta": {"api-version": "1.0"}, "name": self.project, "files": files}
            return "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()
        links = [f'<a href="/files/{n}#sha256={digest}">{n}</a>' for n, digest in digests.items()]
        return "text/html", f"<html><body>{' '.join(links)}</body></html>".encode()

    def send_archive(self, request: BaseHTTPRequestHandler, content: bytes) -> None:
        if request.command == "HEAD":  # as a model hub answers
            send(request, 200, content, {"ETag": hashlib.sha256(content).hexdigest(),
                                         "X-Repo-Commit": "a" * 40})  # fmt: skip
            return
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        if self.status != 200:
            send(request, self.status, b"no")
            return
        body = bytearray(content[start:])
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        end = self.cuts.pop(0) if self.cuts else len(body)
        if end >= len(body) and self.spoilt:
            self.spoilt -= 1
            body[-1] ^= 1
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body)))
        for key, value in headers.items() if start else ():
            request.send_header(key, value)
        request.end_headers()
        half = min(end, len(body)) // 2
        request.wfile.write(body[:half])
        if self.hold:
            request.wfile.flush()
            self.half_sent.set()
            self.hold.wait(30)
        request.wfile.write(body[half:end])
        request.close_connection = True


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict = {}) -> None:  # noqa: B006
    request.send_response(status)
    for key, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(key, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


def wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(entry(name), content)
    return buffer.getvalue()


def entry(name: str) -> zipfile.ZipInfo:
    """With exactly this name: the constructor would mend some tricks."""
    info = zipfile.ZipInfo("x", (2026, 1, 1, 0, 0, 0))
    info.filename, info.compress_type = name, zipfile.ZIP_DEFLATED
    return info


def sdist(members: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
