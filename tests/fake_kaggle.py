"""A Kaggle on loopback: files, uploads, submissions, and every fault on order.

It speaks the wire format of kagglesdk, for a client in this process (`redirect`) as well as for a subprocess
(`environment`: the `kaggle` command, or a program of ours), which reaches it as its HTTP proxy.
"""

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

TOKEN = "KGAT_0123456789abcdef0123456789abcdef"
USERNAME, KEY = "ada", "fedcba9876543210fedcba9876543210"

# Routes of faults and of the log: the API's methods by their own names, and the two that are not the API's.
STORAGE, UPLOAD = "storage", "upload"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    status, retry_after, message: answer with this error instead. html: answer 200 with a web page instead.
    cut: hang up after this many bytes of the body. stall: seconds of silence, then hang up; with `cut`, after
    those bytes. damage: flip a byte of the body. lost: do what is asked, and hang up without a word.
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
class Outcome:
    """What becomes of a submission after `polls` looks that find it pending. Scores are text, as Kaggle's."""

    public: str = "0.84250"
    private: str = "0.84350"
    error: str = ""
    polls: int = 1


@dataclass(frozen=True)
class Logged:
    """One request that arrived."""

    route: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Submission:
    """One submission: what was uploaded, and what becomes of it."""

    ref: int
    slug: str
    description: str
    content: bytes
    outcome: Outcome
    polls: int = 0

    def wire(self) -> dict[str, Any]:
        """As the API shows it: whatever has its default value is left out."""
        shown: dict[str, Any] = {"ref": self.ref, "description": self.description}
        shown["date"] = "2021-02-28T12:00:00.1234567Z"
        if self.polls <= self.outcome.polls:
            return shown  # pending
        if self.outcome.error:
            return {**shown, "status": "ERROR", "errorDescription": self.outcome.error}
        scores = {"publicScore": self.outcome.public, "privateScore": self.outcome.private}
        return {**shown, "status": "COMPLETE", **{name: score for name, score in scores.items() if score}}


@dataclass
class FakeKaggle:
    """Use as a context manager. All state may be changed and read while it serves.

    files: by slug and name. zipped: names that single downloads send as an archive. archives: their bytes,
    where a test wants others. outcomes: of coming submissions, in order; then Outcome().
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    zipped: set[str] = field(default_factory=set)
    archives: dict[str, bytes] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=lambda: {"numToday": 1, "numTotal": 3, "numAllowedNow": 4})
    outcomes: deque[Outcome] = field(default_factory=deque)
    page_size: int = 20
    submissions: list[Submission] = field(default_factory=list)
    log: list[Logged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._uploads: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.kaggle = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # >>> For tests

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fail(self, route: str, *faults: Fault) -> None:
        """The next requests to `route` meet these faults, one each; those after them fare well."""
        self._faults[route].extend(faults)

    def requests(self, route: str) -> list[Logged]:
        return [logged for logged in self.log if logged.route == route]

    def redirect(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        """Have kagglesdk in this process talk to this server, with TOKEN; `home` becomes ~."""
        from kagglesdk import kaggle_env

        monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, self.url)
        for name in ("API_ENVIRONMENT", "USERNAME", "KEY", "CONFIG_DIR", "KERNEL_RUN_TYPE"):
            monkeypatch.delenv(f"KAGGLE_{name}", raising=False)
        monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
        monkeypatch.setenv("HOME", str(home))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "127.0.0.1,localhost")

    def environment(self, home: Path) -> dict[str, str]:
        """Variables, over those of this process, that have a subprocess talk to this server, with TOKEN."""
        proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy"), self.url)
        direct = dict.fromkeys(("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"), "")
        own = {"KAGGLE_API_ENVIRONMENT": "LOCALHOST", "KAGGLE_API_TOKEN": TOKEN, "HOME": str(home)}
        return {**proxy, **direct, **own}

    # >>> For the handler

    def arrived(self, logged: Logged) -> Fault:
        """Note the request; the fault that it shall meet."""
        with self._lock:
            self.log.append(logged)
            faults = self._faults[logged.route]
            return faults.popleft() if faults else Fault()

    def stored(self, slug: str, name: str) -> bytes | None:
        """What storage holds: a file, the archive of a file, or, without a name, the archive of all."""
        files = self.files[slug]
        if not name:
            return archive_of(files)
        if name in self.zipped or name in self.archives:
            return self.archives.get(name) or archive_of({name: files[name]})
        return files.get(name)

    def keep(self, token: str, content: bytes) -> None:
        self._uploads[token] = content

    def answer(self, method: str, asked: dict[str, Any], base: str) -> dict[str, Any] | str | None:
        """The API: an object, the address of a redirect, or None where there is no such thing."""
        if method == "IntrospectToken":
            return {"active": asked.get("token") == TOKEN, "username": USERNAME, "userId": 1}
        if method == "GetSubmission":
            return self._look_at(asked["ref"])
        slug = asked.get("competitionName", "")
        if slug not in self.files:
            return None
        with self._lock:
            return self._answer(method, slug, asked, base)

    def _answer(
        self, method: str, slug: str, asked: dict[str, Any], base: str
    ) -> dict[str, Any] | str | None:
        match method:
            case "ListDataFiles":
                sizes = [{"name": name, "totalBytes": len(data)} for name, data in self.files[slug].items()]
                return self._page("files", sizes, asked)
            case "DownloadDataFiles":
                return f"{base}/storage/{slug}/archive.zip?signature=sesame"
            case "DownloadDataFile":
                name = asked["fileName"]
                known = name in self.files[slug]
                return f"{base}/storage/{slug}/{name}?signature=sesame&name={name}" if known else None
            case "StartSubmissionUpload":
                token = f"blob{len(self.log)}"
                return {"token": token, "createUrl": f"{base}/upload/{token}?signature=sesame"}
            case "CreateSubmission":
                return self._create(slug, asked)
            case "ListSubmissions":
                newest_first = [one.wire() for one in reversed(self.submissions) if one.slug == slug]
                return self._page("submissions", newest_first, asked)
            case "GetSubmissionLimits":
                return self.limits
        return None

    def _create(self, slug: str, asked: dict[str, Any]) -> dict[str, Any]:
        content = self._uploads[asked["blobFileTokens"]]
        outcome = self.outcomes.popleft() if self.outcomes else Outcome()
        description = asked.get("submissionDescription", "")
        submission = Submission(1000 + len(self.submissions), slug, description, content, outcome)
        self.submissions.append(submission)
        return {"message": "Successfully submitted", "ref": submission.ref}

    def _look_at(self, ref: int) -> dict[str, Any] | None:
        for submission in self.submissions:
            if submission.ref == ref:
                submission.polls += 1
                return submission.wire()
        return None

    def _page(self, key: str, items: list[dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
        start = int(asked.get("pageToken") or 0)
        end = start + self.page_size
        more = {"nextPageToken": str(end)} if end < len(items) else {}
        return {key: items[start:end], **more}


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class _Server(ThreadingHTTPServer):
    kaggle: FakeKaggle

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

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
        if fault.stall is not None and fault.cut is None:
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
