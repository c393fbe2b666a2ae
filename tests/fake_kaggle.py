"""A Kaggle on loopback: files, uploads, submissions, and every fault on order.

It speaks the wire format of kagglesdk, for a client in this process (`redirect`) as well as for a subprocess
(`environment`: the `kaggle` command, or a program of ours), which reaches it as its HTTP proxy.
"""

import io
import threading
import zipfile
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from fake_kaggle_wire import KEY, STORAGE, TOKEN, UPLOAD, USERNAME, Fault, Handler, Logged, Server

__all__ = [
    "KEY",
    "STORAGE",
    "TOKEN",
    "UPLOAD",
    "USERNAME",
    "FakeKaggle",
    "Fault",
    "Logged",
    "Outcome",
    "Submission",
    "archive_of",
]


@dataclass(frozen=True)
class Outcome:
    """What becomes of a submission after `polls` looks that find it pending. Scores are text, as Kaggle's."""

    public: str = "0.84250"
    private: str = "0.84350"
    error: str = ""
    polls: int = 1


@dataclass
class Submission:
    """One submission: what was uploaded, and what becomes of it."""

    ref: int
    slug: str
    description: str
    content: bytes
    outcome: Outcome
    late: int = 0
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
    where a test wants others. outcomes: of coming submissions, in order; then Outcome(). late: listings in which
    a coming submission does not show yet.
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    zipped: set[str] = field(default_factory=set)
    archives: dict[str, bytes] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=lambda: {"numToday": 1, "numTotal": 3, "numAllowedNow": 4})
    outcomes: deque[Outcome] = field(default_factory=deque)
    late: int = 0
    page_size: int = 20
    submissions: list[Submission] = field(default_factory=list)
    log: list[Logged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._uploads: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = Server(("127.0.0.1", 0), Handler)
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

    def _answer(self, method: str, slug: str, asked: dict[str, Any], base: str) -> dict[str, Any] | str | None:
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
                mine = [one for one in reversed(self.submissions) if one.slug == slug]
                shown = [one.wire() for one in mine if one.late <= 0]
                for one in mine:
                    one.late -= 1
                return self._page("submissions", shown, asked)
            case "GetSubmissionLimits":
                return self.limits
        return None

    def _create(self, slug: str, asked: dict[str, Any]) -> dict[str, Any]:
        content = self._uploads[asked["blobFileTokens"]]
        outcome = self.outcomes.popleft() if self.outcomes else Outcome()
        description = asked.get("submissionDescription", "")
        submission = Submission(1000 + len(self.submissions), slug, description, content, outcome, self.late)
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
