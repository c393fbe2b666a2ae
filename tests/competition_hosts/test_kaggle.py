"""KaggleHost against a fake Kaggle, route by route and fault by fault; and so the real `kaggle` command."""

import base64
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from fake_kaggle import KEY, STORAGE, TOKEN, UPLOAD, USERNAME, FakeKaggle, Fault, Outcome, archive_of
from swapdae.competition_hosts import Score, host_of
from swapdae.competition_hosts.kaggle import KaggleHost
from swapdae.competition_hosts.kaggle_credentials import find_credentials
from swapdae.competition_hosts.kaggle_download import CHUNK, git_blob_sha1
from swapdae.competition_hosts.kaggle_requests import Patience
from swapdae.config import Competition, read_competition
from swapdae.errors import UserError
from swapdae.paths import Paths

SLUG = "some-competition"
TRAIN = b"id,x,target\n" + b"".join(
    b"%d,%d,%d\n" % (row, row**3 % 99991, row**5 % 99989) for row in range(20_000)
)
FILES = {"train.csv": TRAIN, "test.csv": b"id,x\n7,8\n", "sample_submission.csv": b"id,target\n7,0\n"}
BRISK = Patience(connect=2, read=0.4, attempts=3, total=5, backoff=0.01, poll=0.01, score=2)


def competition(**changes: object) -> Competition:
    fields = {"name": "some", "host": "kaggle", "slug": SLUG, "id": "id", "target": "target"}
    return Competition.model_validate({**fields, "task": "regression", "metric": "rmse", **changes})


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeKaggle]:
    home = tmp_path / "home"
    home.mkdir()
    with FakeKaggle(files={SLUG: dict(FILES)}) as fake:
        fake.redirect(monkeypatch, home)
        yield fake


@pytest.fixture
def host() -> KaggleHost:
    return KaggleHost(BRISK)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "input"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    file = tmp_path / "submission.csv"
    file.write_bytes(b"id,target\n7,1.25\n")
    return file


def assert_fetched(directory: Path) -> None:
    """Every file is there, true to the byte, and nothing else."""
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == FILES


def one_line(caught: pytest.ExceptionInfo[UserError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    assert TOKEN not in message and KEY not in message and "sesame" not in message
    return message


# >>> Credentials


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without credentials, on which every connection fails the test; its ~/.kaggle."""
    for name in ("API_TOKEN", "USERNAME", "KEY", "CONFIG_DIR", "API_ENVIRONMENT"):
        monkeypatch.delenv(f"KAGGLE_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("talks to the network"))
    folder = tmp_path / ".kaggle"
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("nothing_set")
def test_without_credentials_says_where_to_get_them(host: KaggleHost, directory: Path, csv: Path) -> None:
    start = time.monotonic()
    for attempt in (
        lambda: host.fetch(competition(), directory),
        lambda: host.submit(competition(), csv, "m"),
    ):
        with pytest.raises(UserError) as caught:
            attempt()
        assert "https://www.kaggle.com/settings" in one_line(caught)
        assert "~/.kaggle/access_token" in one_line(caught)
    assert time.monotonic() - start < 1
    assert not directory.exists()


def test_credentials_in_order(nothing_set: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each source, from the last to the first: every one found takes precedence over those before it."""
    (nothing_set / "kaggle.json").write_text('{"username": "a", "key": "home"}')
    assert (find_credentials().username, find_credentials().secret) == ("a", "home")
    (tmp_path / "kaggle.json").write_text('{"username": "b", "key": "config_dir"}')
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path))
    assert (find_credentials().username, find_credentials().secret) == ("b", "config_dir")
    monkeypatch.setenv("KAGGLE_USERNAME", "c")
    assert find_credentials().username == "b"  # a name alone is no pair
    monkeypatch.setenv("KAGGLE_KEY", "variable")
    assert (find_credentials().username, find_credentials().secret) == ("c", "variable")
    (nothing_set / "access_token.txt").write_text("in_txt\n")
    assert (find_credentials().username, find_credentials().secret) == ("", "in_txt")
    (nothing_set / "access_token").write_text("in_file\n")
    assert find_credentials().secret == "in_file"
    (tmp_path / "elsewhere").write_text("named_file\n")
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(tmp_path / "elsewhere"))
    assert find_credentials().secret == "named_file"
    monkeypatch.setenv("KAGGLE_API_TOKEN", "x" * 900)  # longer than any file's name
    assert find_credentials().secret == "x" * 900


@pytest.mark.parametrize(
    "content", ["", "not json", "[]", '{"username": "a"}', '{"username": "a", "key": ""}']
)
def test_unusable_kaggle_json_is_named(nothing_set: Path, content: str) -> None:
    (nothing_set / "kaggle.json").write_text(content)
    with pytest.raises(UserError, match=r"kaggle\.json.*https://www\.kaggle\.com/settings"):
        find_credentials()


@pytest.mark.parametrize(
    "content", [b"", b'{"username": "a", "key": "s3cret"}', b"s3cret\nmore", b"s3cret\xff"]
)
def test_unusable_token_is_not_repeated(nothing_set: Path, content: bytes) -> None:
    (nothing_set / "access_token").write_bytes(content)
    with pytest.raises(UserError, match="access_token") as caught:
        find_credentials()
    assert "s3cret" not in str(caught.value)


def test_token_path_that_leads_nowhere(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(nothing_set / "s3cret"))
    with pytest.raises(UserError, match="KAGGLE_API_TOKEN") as caught:
        find_credentials()
    assert "s3cret" not in str(caught.value)


def test_credentials_hide_their_secret(nothing_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    assert TOKEN not in repr(find_credentials())


@pytest.mark.parametrize("pair", [False, True])
def test_credentials_go_to_the_api_and_not_to_storage(
    kaggle: FakeKaggle,
    host: KaggleHost,
    directory: Path,
    csv: Path,
    monkeypatch: pytest.MonkeyPatch,
    pair: bool,
) -> None:
    expected = f"Bearer {TOKEN}"
    if pair:
        monkeypatch.delenv("KAGGLE_API_TOKEN")
        monkeypatch.setenv("KAGGLE_USERNAME", USERNAME)
        monkeypatch.setenv("KAGGLE_KEY", KEY)
        expected = "Basic " + base64.b64encode(f"{USERNAME}:{KEY}".encode()).decode()
    kaggle.fail(STORAGE, Fault(cut=CHUNK + 99))  # so that a range is asked for as well
    host.fetch(competition(), directory)
    host.submit(competition(), csv, "m")
    for logged in kaggle.log:
        assert logged.headers.get("Authorization") == (
            None if logged.route in (STORAGE, UPLOAD) else expected
        )


# >>> Fetch


def test_fetch(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    host.fetch(competition(), directory)
    assert_fetched(directory)
    assert json.loads(kaggle.requests("ListDataFiles")[0].body)["competitionName"] == SLUG
    assert isinstance(host_of(competition()), KaggleHost)


def test_fetch_reads_every_page_of_the_listing(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.page_size = 1
    host.fetch(competition(), directory)
    assert_fetched(directory)
    assert len(kaggle.requests("ListDataFiles")) == 3


def test_fetch_leaves_what_is_in_place(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    host.fetch(competition(), directory)
    before = {file.name: file.stat().st_mtime_ns for file in directory.iterdir()}
    kaggle.log.clear()
    host.fetch(competition(), directory)
    assert {logged.route for logged in kaggle.log} == {"ListDataFiles"}
    assert {file.name: file.stat().st_mtime_ns for file in directory.iterdir()} == before


def test_fetch_only_what_is_missing_or_short(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    directory.mkdir()
    for name, content in FILES.items():
        (directory / name).write_bytes(content)
    (directory / "test.csv").write_bytes(b"id,x\n")
    (directory / "sample_submission.csv").unlink()
    host.fetch(competition(), directory)
    assert_fetched(directory)
    asked = [json.loads(logged.body)["fileName"] for logged in kaggle.requests("DownloadDataFile")]
    assert asked == ["test.csv", "sample_submission.csv"]


def test_fetch_names_a_file_that_kaggle_lacks(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    with pytest.raises(UserError) as caught:
        host.fetch(competition(files={"train": "training.csv"}), directory)
    assert "'training.csv'" in one_line(caught)
    assert "sample_submission.csv, test.csv, train.csv" in one_line(caught)


def test_fetch_unpacks_an_archive(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.zipped = {"train.csv"}
    host.fetch(competition(), directory)
    assert_fetched(directory)


def test_unexpected_members_stay_packed(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.archives["train.csv"] = archive_of({"setup.py": b"", "train.csv": TRAIN, "a/train.csv": b""})
    host.fetch(competition(), directory)
    assert_fetched(directory)


@pytest.mark.parametrize("member", ["../train.csv", "/etc/train.csv", "a/../../b", "..\\b", "C:\\b"])
def test_members_that_would_land_outside_are_refused(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, member: str
) -> None:
    kaggle.archives["train.csv"] = archive_of({"train.csv": TRAIN, member: b"gotcha"})
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory)
    assert "refused" in one_line(caught)
    assert not any(file.suffix in (".csv", ".part") for file in directory.parent.rglob("*"))


def test_archive_without_the_file(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.archives["train.csv"] = archive_of({"other.csv": TRAIN})
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory)
    assert "only other.csv" in one_line(caught)


@pytest.mark.parametrize("stall", [None, 60])
@pytest.mark.parametrize("zipped", [False, True])
def test_cut_connection_is_resumed(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, zipped: bool, stall: float | None
) -> None:
    kaggle.zipped = {"train.csv"} if zipped else set()
    kaggle.fail(STORAGE, Fault(cut=CHUNK + 99, stall=stall))
    host.fetch(competition(), directory)
    assert_fetched(directory)
    assert f"bytes={CHUNK}-" in [logged.headers.get("Range") for logged in kaggle.requests(STORAGE)]


def test_next_process_resumes(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.fail(STORAGE, Fault(cut=CHUNK + 99))
    kaggle.fail("DownloadDataFile", Fault(), *[Fault(status=503)] * 2)
    with pytest.raises(UserError):
        host.fetch(competition(), directory)
    assert [file.name for file in directory.iterdir() if not file.name.startswith(".")] == []
    kaggle.log.clear()
    KaggleHost(BRISK).fetch(competition(), directory)
    assert_fetched(directory)
    ranges = [logged.headers.get("Range") for logged in kaggle.requests(STORAGE)]
    assert ranges == [None, f"bytes={CHUNK}-", None, None]


def test_part_of_another_version_is_dropped(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.files[SLUG]["train.csv"] = TRAIN[::-1]
    kaggle.fail(STORAGE, *[Fault(cut=CHUNK + 99)] * 9)
    with pytest.raises(UserError):
        host.fetch(competition(), directory)
    kaggle.files[SLUG]["train.csv"] = TRAIN
    kaggle._faults.clear()
    host.fetch(competition(), directory)
    assert_fetched(directory)


def test_damaged_archive_is_fetched_once_more(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.zipped = {"train.csv"}
    kaggle.fail(STORAGE, Fault(damage=True))
    host.fetch(competition(), directory)
    assert_fetched(directory)


def test_archive_damaged_twice(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.zipped = {"train.csv"}
    kaggle.fail(STORAGE, *[Fault(damage=True)] * 2)
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory)
    assert "train.csv" in one_line(caught) and "damaged twice" in one_line(caught)
    assert len(kaggle.requests(STORAGE)) == 2
    assert not (directory / "train.csv").exists()


@pytest.mark.parametrize(
    "archive", [archive_of({"train.csv": TRAIN})[:-300], archive_of({"train.csv": b"id"})]
)
def test_cut_or_wrong_archive_on_the_host(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, archive: bytes
) -> None:
    kaggle.archives["train.csv"] = archive
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory)
    assert "damaged twice" in one_line(caught)


def test_known_files(kaggle: FakeKaggle, host: KaggleHost, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "true").write_bytes(TRAIN)
    known = {"train.csv": git_blob_sha1(tmp_path / "true")}
    host.fetch(competition(git_blob_sha1=known), directory)
    assert_fetched(directory)
    (directory / "train.csv").write_bytes(TRAIN.swapcase())  # of the right size
    with pytest.raises(UserError) as caught:
        host.fetch(competition(git_blob_sha1=known), directory)
    assert "train.csv: is not the known file" in one_line(caught)


def test_download_that_is_not_the_known_file(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    with pytest.raises(UserError) as caught:
        host.fetch(competition(git_blob_sha1={"train.csv": "0" * 40}), directory)
    assert "train.csv: is not the known file" in one_line(caught)
    assert not any(file.suffix in (".csv", ".part") for file in directory.iterdir())


def test_git_blob_sha1(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert git_blob_sha1(tmp_path / "empty") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.mark.parametrize("zipped", [False, True])
def test_full_disk_is_named_and_the_next_run_goes_on(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    kaggle.zipped = {"train.csv"} if zipped else set()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((shutil, "copyfileobj", full) if zipped else (Path, "replace", full)))
        with pytest.raises(UserError, match=r"input: cannot be written \(No space left on device\)"):
            host.fetch(competition(), directory)
    assert not (directory / "train.csv").exists()
    arrived = (directory / ".train.csv.part").stat().st_size
    kaggle.log.clear()
    host.fetch(competition(), directory)
    assert_fetched(directory)
    # All of it had arrived, but a range cannot be empty.
    assert kaggle.requests(STORAGE)[1].headers["Range"] == f"bytes={arrived - 1}-"


# >>> Faults of the API


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "https://www.kaggle.com/settings"),
        (403, f"https://www.kaggle.com/c/{SLUG}/rules"),
        (404, "https://www.kaggle.com/competitions"),
        (400, "so says the fake"),
    ],
)
def test_refusals_are_one_line_of_advice_at_once(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, csv: Path, status: int, advice: str
) -> None:
    kaggle.fail("ListDataFiles", Fault(status=status))
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory)
    assert advice in one_line(caught) and str(status) in one_line(caught)
    kaggle.fail("StartSubmissionUpload", Fault(status=status))
    with pytest.raises(UserError) as caught:
        host.submit(competition(), csv, "m")
    assert advice in one_line(caught)
    assert len(kaggle.requests("ListDataFiles")) == len(kaggle.requests("StartSubmissionUpload")) == 1
    assert not kaggle.submissions


def test_slug_that_kaggle_does_not_know(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    with pytest.raises(UserError, match="'no-such-thing'"):
        host.fetch(competition(slug="no-such-thing"), directory)


def test_token_that_kaggle_does_not_know(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_expired")
    with pytest.raises(UserError, match="401") as caught:
        host.fetch(competition(), directory)
    assert "KGAT_expired" not in str(caught.value)


@pytest.mark.parametrize("route", ["ListDataFiles", "DownloadDataFile", STORAGE])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, retry_after="0"),
        Fault(status=429),
        Fault(status=500),
        Fault(status=503),
        Fault(stall=60),
        Fault(lost=True),
    ],
    ids=["429-after", "429", "500", "503", "stall", "dropped"],
)
def test_passing_faults_are_survived(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, route: str, fault: Fault
) -> None:
    kaggle.fail(route, fault, fault)
    host.fetch(competition(), directory)
    assert_fetched(directory)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=429), "429"),
        (Fault(status=502), "502"),
        (Fault(stall=60), "cannot be reached"),
        (Fault(lost=True), "cannot be reached"),
    ],
)
def test_lasting_faults_end_in_one_line(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, fault: Fault, said: str
) -> None:
    kaggle.fail("ListDataFiles", *[fault] * 9)
    start = time.monotonic()
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory)
    assert time.monotonic() - start < BRISK.total
    assert said in one_line(caught)
    assert len(kaggle.requests("ListDataFiles")) == BRISK.attempts


def test_retry_after_is_honoured(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kaggle.fail("ListDataFiles", Fault(status=429, retry_after="1"))
    start = time.monotonic()
    host.fetch(competition(), directory)
    assert 1 <= time.monotonic() - start < 4
    assert "429; attempt 2 in 1 s" in caplog.text


@pytest.mark.parametrize("wish", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_no_waiting_beyond_the_cap(kaggle: FakeKaggle, host: KaggleHost, directory: Path, wish: str) -> None:
    kaggle.fail("ListDataFiles", Fault(status=429, retry_after=wish))
    start = time.monotonic()
    with pytest.raises(UserError, match="429"):
        host.fetch(competition(), directory)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("route", ["ListDataFiles", "DownloadDataFile", STORAGE])
def test_web_page_instead_of_an_answer(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, route: str
) -> None:
    kaggle.fail(route, Fault(html=True))
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory)
    assert "not what its API sends" in one_line(caught)
    assert len(kaggle.requests(route)) == 1


def test_nobody_listens(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.__exit__(None, None, None)
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory)
    assert "cannot be reached (ConnectionError)" in one_line(caught)


def test_logs_hold_no_secrets(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, csv: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="swapdae")
    kaggle.fail(STORAGE, Fault(status=503), Fault(cut=10))
    kaggle.fail(UPLOAD, Fault(status=503))
    kaggle.fail("CreateSubmission", Fault(lost=True))
    host.fetch(competition(), directory)
    host.submit(competition(), csv, "m")
    assert "attempt 2" in caplog.text
    assert TOKEN not in caplog.text and "sesame" not in caplog.text


# >>> Submit


def test_submit(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    assert host.submit(competition(), csv, "first try") == Score(0.8425, 0.8435, "1000")
    (submission,) = kaggle.submissions
    assert (submission.content, submission.description) == (csv.read_bytes(), "first try")
    (start,) = kaggle.requests("StartSubmissionUpload")
    asked = json.loads(start.body)
    assert asked["contentLength"] == csv.stat().st_size
    assert asked["lastModifiedEpochSeconds"] == int(csv.stat().st_mtime)
    assert asked["fileName"] == csv.name
    (put,) = kaggle.requests(UPLOAD)
    assert put.headers["Content-Length"] == str(csv.stat().st_size)
    assert "Content-Type" not in put.headers


def test_score_that_kaggle_keeps_to_itself(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.outcomes.append(Outcome(private=""))
    assert host.submit(competition(), csv, "m") == Score(0.8425, None, "1000")


def test_score_that_does_not_come(kaggle: FakeKaggle, csv: Path) -> None:
    kaggle.outcomes.append(Outcome(polls=10_000))
    host = KaggleHost(Patience(poll=0.05, score=0.3))
    assert host.submit(competition(), csv, "m") == Score(None, None, "1000")


def test_score_that_cannot_be_read(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("GetSubmission", *[Fault(status=500)] * 9)
    with pytest.raises(UserError) as caught:
        host.submit(competition(), csv, "m")
    assert "submission 1000 is handed in" in one_line(caught)


def test_rejected_submission(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.outcomes.append(Outcome(error="Missing ids:\n7, 8"))
    with pytest.raises(UserError) as caught:
        host.submit(competition(), csv, "m")
    assert "rejected submission 1000: Missing ids: 7, 8" in one_line(caught)


@pytest.mark.parametrize(("by_total", "said"), [(False, "today"), (True, "in total")])
def test_reached_limit_uploads_nothing(
    kaggle: FakeKaggle, host: KaggleHost, csv: Path, by_total: bool, said: str
) -> None:
    kaggle.limits = {"numToday": 5, "numTotal": 9, "numAllowedNow": 0, "limitedByTotal": by_total}
    with pytest.raises(UserError) as caught:
        host.submit(competition(), csv, "m")
    assert said in one_line(caught)
    assert {logged.route for logged in kaggle.log} == {"GetSubmissionLimits"}


def test_limits_before_the_first_submission(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.limits = {}
    assert host.submit(competition(), csv, "m").ref == "1000"


def test_limits_that_kaggle_does_not_tell(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("GetSubmissionLimits", Fault(status=404))
    assert host.submit(competition(), csv, "m").ref == "1000"


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(stall=60), Fault(lost=True)])
def test_upload_is_tried_again(kaggle: FakeKaggle, host: KaggleHost, csv: Path, fault: Fault) -> None:
    kaggle.fail(UPLOAD, Fault(status=503) if fault.lost else fault)
    kaggle.fail("StartSubmissionUpload", fault)
    assert host.submit(competition(), csv, "m").ref == "1000"
    assert [submission.content for submission in kaggle.submissions] == [csv.read_bytes()]


@pytest.mark.parametrize(("status", "tries"), [(503, BRISK.attempts), (403, 1)])
def test_failed_upload_creates_nothing(
    kaggle: FakeKaggle, host: KaggleHost, csv: Path, status: int, tries: int
) -> None:
    kaggle.fail(UPLOAD, *[Fault(status=status)] * 9)
    with pytest.raises(UserError) as caught:
        host.submit(competition(), csv, "m")
    assert f"storage refused the transfer ({status})" in one_line(caught)
    assert len(kaggle.requests(UPLOAD)) == tries
    assert not kaggle.requests("CreateSubmission")


def test_lost_confirmation_hands_in_once(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    host.submit(competition(), csv, "an earlier one")
    kaggle.page_size = 1
    kaggle.outcomes.append(Outcome(public="0.5"))
    kaggle.fail("CreateSubmission", Fault(lost=True))
    assert host.submit(competition(), csv, "the one").public == 0.5
    assert [submission.description for submission in kaggle.submissions] == ["an earlier one", "the one"]


@pytest.mark.parametrize("fault", [Fault(status=502), Fault(stall=60), Fault(html=True)])
def test_creation_that_did_not_arrive_is_tried_once_more(
    kaggle: FakeKaggle, host: KaggleHost, csv: Path, fault: Fault
) -> None:
    kaggle.fail("CreateSubmission", fault)
    assert host.submit(competition(), csv, "m").ref == "1000"
    assert len(kaggle.submissions) == 1
    routes = [logged.route for logged in kaggle.log]
    assert "ListSubmissions" in routes[routes.index("CreateSubmission") + 1 :]


def test_creation_that_never_arrives(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("CreateSubmission", *[Fault(status=500)] * 9)
    with pytest.raises(UserError) as caught:
        host.submit(competition(), csv, "m")
    assert f"https://www.kaggle.com/c/{SLUG}/submissions" in one_line(caught)
    assert len(kaggle.requests("CreateSubmission")) == 2


def test_lost_confirmation_and_no_way_to_look(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("CreateSubmission", Fault(lost=True))
    kaggle.fail("ListSubmissions", *[Fault(status=500)] * 9)
    with pytest.raises(UserError) as caught:
        host.submit(competition(), csv, "m")
    assert "may have arrived" in one_line(caught)
    assert len(kaggle.submissions) == len(kaggle.requests("CreateSubmission")) == 1


def test_refused_creation_is_final(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("CreateSubmission", Fault(status=400, message="the competition is closed"))
    with pytest.raises(UserError) as caught:
        host.submit(competition(), csv, "m")
    assert "the competition is closed" in one_line(caught)
    assert len(kaggle.requests("CreateSubmission")) == 1


def test_creation_put_off_is_repeated(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("CreateSubmission", Fault(status=429, retry_after="0"))
    assert host.submit(competition(), csv, "m").ref == "1000"
    assert not kaggle.requests("ListSubmissions")


def test_submission_file_that_is_not_there(kaggle: FakeKaggle, host: KaggleHost, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        host.submit(competition(), tmp_path / "none.csv", "m")
    assert "none.csv" in one_line(caught)


def test_score_asks_nobody(host: KaggleHost) -> None:
    assert host.score(competition(), pd.DataFrame()) == Score(None, None)


def test_shipped_competition() -> None:
    shipped = read_competition(Paths(Path(__file__).parents[2]), "tps-feb-2021")
    assert shipped.slug == "tabular-playground-series-feb-2021"
    assert set(shipped.git_blob_sha1) == set(shipped.files.all)


# >>> The real command


def run_command(kaggle: FakeKaggle, folder: Path, *arguments: str) -> str:
    """`kaggle <arguments>` in `folder`; its output."""
    done = subprocess.run(
        [Path(sys.executable).with_name("kaggle"), *arguments],
        cwd=folder,
        env={**os.environ, **kaggle.environment(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_real_command_submits(kaggle: FakeKaggle, csv: Path) -> None:
    said = run_command(
        kaggle, csv.parent, "competitions", "submit", "-c", SLUG, "-f", csv.name, "-m", "by hand"
    )
    assert "Successfully submitted" in said
    (submission,) = kaggle.submissions
    assert (submission.content, submission.description) == (csv.read_bytes(), "by hand")


@pytest.mark.slow
def test_real_command_downloads(kaggle: FakeKaggle, tmp_path: Path) -> None:
    run_command(kaggle, tmp_path, "competitions", "download", "-c", SLUG)
    with zipfile.ZipFile(tmp_path / f"{SLUG}.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
