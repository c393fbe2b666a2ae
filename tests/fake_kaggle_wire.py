"""The wire of the fake Kaggle: requests in, answers and faults out. What is true, fake_kaggle knows."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from fake_kaggle import FakeKaggle

TOKEN = "KGAT_0123456789abcdef0123456789abcdef"
USERNAME, KEY = "ada", "fedcba9876543210fedcba9876543210"

# Routes of faults and of the log: the API's methods by their own names, and the two that are not the API's.
STORAGE, UPLOAD = "storage", "upload"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    status, retry_after, message: answer with this error instead. html: answer 200 with a web page instead.
    cut: hang up after this many bytes of the body. stall: seconds of silence, then hang up; with `cut`, after
    those bytes. damage: flip a byte of the body. lost: do what is asked, and hang up without a word; with
    `stall`, after that silence.
    """

    status: int | None = None
    retry_after: str | None = None
    message: str = "so says the fake"
    html: bool = False
    stall: float | None = None
    cut: int | None = None
    damage: bool = False
    lost: bool = False


@dataclass(frozen=True)
class Logged:
    """One request that arrived."""

    route: str
    headers: Mapping[str, str]
    body: bytes


class Server(ThreadingHTTPServer):
    kaggle: "FakeKaggle"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the game."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Into `FakeKaggle.log` instead."""

    def do_POST(self) -> None:
        parts = urlsplit(self.path).path.rsplit("/", 1)
        body = self._body()
        fault = self._arrived(parts[-1], body)
        if fault is None:
            return
        if parts[-1] != "IntrospectToken" and not self._is_authorized():
            return self._json({"code": 401, "message": "Unauthenticated"}, 401)
        answer = self.server.kaggle.answer(parts[-1], json.loads(body or b"{}"), self._base())
        if fault.lost:
            self.server.kaggle.closing.wait(fault.stall or 0)
            return self._hang_up()
        if answer is None:
            self._json({"code": 404, "message": "Not found"}, 404)
        elif isinstance(answer, str):
            self._reply(302, {"Location": answer})
        else:
            self._json(answer)

    def do_PUT(self) -> None:
        content = self._body()
        if self._arrived(UPLOAD, content) is not None:
            self.server.kaggle.keep(urlsplit(self.path).path.rsplit("/", 1)[-1], content)
            self._reply(200)

    def do_GET(self) -> None:
        fault = self._arrived(STORAGE, b"")
        if fault is None:
            return
        target = urlsplit(self.path)
        slug = target.path.split("/")[2]
        content = self.server.kaggle.stored(slug, parse_qs(target.query).get("name", [""])[0])
        if content is None:
            return self._reply(404)
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        headers = {"ETag": etag, "Accept-Ranges": "bytes", "Last-Modified": "Mon, 01 Feb 2021 00:00:00 GMT"}
        if fault.damage:
            middle = len(content) // 2
            content = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
        status, asked = 200, self.headers.get("Range")
        if asked and self.headers.get("If-Range", etag) == etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status, content = 206, content[start:]
        self._reply(status, {**headers, "Content-Type": "application/octet-stream"}, content, fault)

    # >>> In and out

    def _base(self) -> str:
        """Storage has another host name than the API, so that clients keep their credentials from it."""
        if self.path.startswith("http://"):  # we are the proxy
            return "http://localhost"
        return f"http://localhost:{self.server.kaggle.port}"

    def _is_authorized(self) -> bool:
        pair = base64.b64encode(f"{USERNAME}:{KEY}".encode()).decode()
        return self.headers.get("Authorization") in (f"Bearer {TOKEN}", f"Basic {pair}")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _arrived(self, route: str, body: bytes) -> Fault | None:
        """Note the request; None if its fault has already answered it."""
        kaggle = self.server.kaggle
        fault = kaggle.arrived(Logged(route, dict(self.headers.items()), body))
        if fault.stall is not None and fault.cut is None and not fault.lost:
            kaggle.closing.wait(fault.stall)
            self._hang_up()
        elif fault.html:
            self._reply(200, {"Content-Type": "text/html"}, b"<!doctype html><title>Sign in</title>")
        elif fault.status is not None:
            retry = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            self._json({"code": fault.status, "message": fault.message}, fault.status, retry)
        else:
            return fault
        return None

    def _hang_up(self) -> None:
        self.close_connection = True

    def _json(self, answer: dict[str, Any], status: int = 200, headers: Mapping[str, str] = {}) -> None:
        content = json.dumps(answer).encode()
        self._reply(status, {**headers, "Content-Type": "application/json"}, content)

    def _reply(
        self, status: int, headers: Mapping[str, str] = {}, content: bytes = b"", fault: Fault = Fault()
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: fault.cut])
        if fault.stall:
            self.server.kaggle.closing.wait(fault.stall)
