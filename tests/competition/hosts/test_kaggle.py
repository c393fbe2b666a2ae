"""KaggleHost against a fake Kaggle, route by route; and so the real `kaggle` command."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from fake_kaggle import UPLOAD, FakeKaggle, Fault, Outcome
from kaggle_case import BRISK, FILES, SLUG, TRAIN, assert_fetched, competition, one_line, submit
from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.competition.config import read_competition
from swapdae.competition.hosts.interface import Score, host_of
from swapdae.competition.hosts.kaggle import KaggleHost
from swapdae.competition.hosts.kaggle_requests import Patience

pytest_plugins = ["kaggle_fixtures"]


def test_fetch(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    host.fetch(competition(), directory, list(FILES))
    assert_fetched(directory)
    assert json.loads(kaggle.requests("ListDataFiles")[0].body)["competitionName"] == SLUG
    assert isinstance(host_of(competition()), KaggleHost)


def test_fetch_reads_every_page_of_the_listing(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.page_size = 1
    host.fetch(competition(), directory, list(FILES))
    assert_fetched(directory)
    assert len(kaggle.requests("ListDataFiles")) == 3


def test_fetch_leaves_what_is_there(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    """Whatever it is: only `ensure_files` knows who wrote it."""
    directory.mkdir()
    (directory / "train.csv").write_bytes(b"mine")
    host.fetch(competition(), directory, list(FILES))
    assert (directory / "train.csv").read_bytes() == b"mine"
    asked = [json.loads(logged.body)["fileName"] for logged in kaggle.requests("DownloadDataFile")]
    assert asked == ["test.csv", "sample_submission.csv"]


def test_fetch_only_what_is_asked_for(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    host.fetch(competition(), directory, ["train.csv"])
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == {"train.csv": TRAIN}


def test_two_files_of_one_name(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = {"files": [{"name": "train.csv", "totalBytes": size} for size in (3, 4)]}
    monkeypatch.setattr(kaggle, "answer", lambda *_: listed)
    with pytest.raises(UserError, match=r"two files 'train\.csv'"):
        host.fetch(competition(), directory, list(FILES))


def test_fetch_names_a_file_that_kaggle_lacks(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    with pytest.raises(UserError) as caught:
        host.fetch(competition(files={"train": "training.csv"}), directory, ["training.csv"])
    assert "'training.csv'" in one_line(caught)
    assert "sample_submission.csv, test.csv, train.csv" in one_line(caught)


def test_submit(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    assert submit(host, csv, "first try") == Score(0.8425, 0.8435, "1000")
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
    assert submit(host, csv, "m") == Score(0.8425, None, "1000")


def test_score_that_does_not_come(kaggle: FakeKaggle, csv: Path) -> None:
    kaggle.outcomes.append(Outcome(polls=10_000))
    host = KaggleHost(Patience(poll=0.05, score=0.3))
    assert submit(host, csv, "m") == Score(None, None, "1000")


def test_score_that_cannot_be_read(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("GetSubmission", *[Fault(status=500)] * 9)
    with pytest.raises(UserError) as caught:
        submit(host, csv, "m")
    assert "submission 1000 is handed in" in one_line(caught)


def test_rejected_submission(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.outcomes.append(Outcome(error="Missing ids:\n7, 8"))
    with pytest.raises(UserError) as caught:
        submit(host, csv, "m")
    assert "rejected submission 1000: Missing ids: 7, 8" in one_line(caught)


@pytest.mark.parametrize(("by_total", "said"), [(False, "today"), (True, "in total")])
def test_reached_limit_uploads_nothing(
    kaggle: FakeKaggle, host: KaggleHost, csv: Path, by_total: bool, said: str
) -> None:
    kaggle.limits = {"numToday": 5, "numTotal": 9, "numAllowedNow": 0, "limitedByTotal": by_total}
    with pytest.raises(UserError) as caught:
        submit(host, csv, "m")
    assert said in one_line(caught)
    assert {logged.route for logged in kaggle.log} == {"ListSubmissions", "GetSubmissionLimits"}


def test_limits_before_the_first_submission(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.limits = {}
    assert submit(host, csv, "m").ref == "1000"


def test_limits_that_kaggle_does_not_tell(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("GetSubmissionLimits", Fault(status=404))
    assert submit(host, csv, "m").ref == "1000"


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(stall=60), Fault(lost=True)])
def test_upload_is_tried_again(kaggle: FakeKaggle, host: KaggleHost, csv: Path, fault: Fault) -> None:
    kaggle.fail(UPLOAD, Fault(status=503) if fault.lost else fault)
    kaggle.fail("StartSubmissionUpload", fault)
    assert submit(host, csv, "m").ref == "1000"
    assert [submission.content for submission in kaggle.submissions] == [csv.read_bytes()]


@pytest.mark.parametrize(("status", "tries"), [(503, BRISK.attempts), (403, 1)])
def test_failed_upload_creates_nothing(
    kaggle: FakeKaggle, host: KaggleHost, csv: Path, status: int, tries: int
) -> None:
    kaggle.fail(UPLOAD, *[Fault(status=status)] * 9)
    with pytest.raises(UserError) as caught:
        submit(host, csv, "m")
    assert f"storage refused the transfer ({status})" in one_line(caught)
    assert len(kaggle.requests(UPLOAD)) == tries
    assert not kaggle.requests("CreateSubmission")


def test_creation_put_off_is_repeated(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("CreateSubmission", Fault(status=429, retry_after="0"))
    assert submit(host, csv, "m").ref == "1000"
    assert len(kaggle.requests("ListSubmissions")) == 1  # before handing in, not after


def test_same_message_is_not_handed_in_again(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.outcomes.append(Outcome(public="0.5"))
    first = submit(host, csv, "a message")
    assert submit(host, csv, "a message") == first
    assert len(kaggle.submissions) == len(kaggle.requests(UPLOAD)) == 1


def test_submission_file_that_is_not_there(kaggle: FakeKaggle, host: KaggleHost, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        submit(host, tmp_path / "none.csv", "m")
    assert "none.csv" in one_line(caught)


def test_score_asks_nobody(host: KaggleHost) -> None:
    assert host.score(competition(), pd.DataFrame(), Path()) == Score(None, None)


def test_shipped_competition() -> None:
    shipped = read_competition(Paths(Path(__file__).parents[3]), "tps-feb-2021")
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
    said = run_command(kaggle, csv.parent, "competitions", "submit", "-c", SLUG, "-f", csv.name, "-m", "by hand")
    assert "Successfully submitted" in said
    (submission,) = kaggle.submissions
    assert (submission.content, submission.description) == (csv.read_bytes(), "by hand")


@pytest.mark.slow
def test_real_command_downloads(kaggle: FakeKaggle, tmp_path: Path) -> None:
    run_command(kaggle, tmp_path, "competitions", "download", "-c", SLUG)
    with zipfile.ZipFile(tmp_path / f"{SLUG}.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
