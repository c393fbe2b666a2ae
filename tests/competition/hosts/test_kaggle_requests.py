"""What goes wrong between Kaggle and us: repeated while it may help, then one line of advice."""

import logging
import time
from pathlib import Path

import pytest

from fake_kaggle import STORAGE, TOKEN, UPLOAD, FakeKaggle, Fault
from kaggle_case import BRISK, FILES, SLUG, assert_fetched, competition, one_line, submit
from swapdae.base.errors import UserError
from swapdae.competition.hosts.kaggle import KaggleHost

pytest_plugins = ["kaggle_fixtures"]


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
        host.fetch(competition(), directory, list(FILES))
    assert advice in one_line(caught) and str(status) in one_line(caught)
    kaggle.fail("StartSubmissionUpload", Fault(status=status))
    with pytest.raises(UserError) as caught:
        submit(host, csv, "m")
    assert advice in one_line(caught)
    assert len(kaggle.requests("ListDataFiles")) == len(kaggle.requests("StartSubmissionUpload")) == 1
    assert not kaggle.submissions


def test_slug_that_kaggle_does_not_know(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    with pytest.raises(UserError, match="'no-such-thing'"):
        host.fetch(competition(slug="no-such-thing"), directory, list(FILES))


def test_token_that_kaggle_does_not_know(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_expired")
    with pytest.raises(UserError, match="401") as caught:
        host.fetch(competition(), directory, list(FILES))
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
    host.fetch(competition(), directory, list(FILES))
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
        host.fetch(competition(), directory, list(FILES))
    assert time.monotonic() - start < BRISK.total
    assert said in one_line(caught)
    assert len(kaggle.requests("ListDataFiles")) == BRISK.attempts


def test_retry_after_is_honoured(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kaggle.fail("ListDataFiles", Fault(status=429, retry_after="1"))
    start = time.monotonic()
    host.fetch(competition(), directory, list(FILES))
    assert 1 <= time.monotonic() - start < 4
    assert "429; attempt 2 in 1 s" in caplog.text


@pytest.mark.parametrize("wish", ["3600", "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_no_waiting_beyond_the_cap(kaggle: FakeKaggle, host: KaggleHost, directory: Path, wish: str) -> None:
    kaggle.fail("ListDataFiles", Fault(status=429, retry_after=wish))
    start = time.monotonic()
    with pytest.raises(UserError, match="429"):
        host.fetch(competition(), directory, list(FILES))
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("route", ["ListDataFiles", "DownloadDataFile", STORAGE])
def test_web_page_instead_of_an_answer(kaggle: FakeKaggle, host: KaggleHost, directory: Path, route: str) -> None:
    kaggle.fail(route, Fault(html=True))
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert "not what its API sends" in one_line(caught)
    assert len(kaggle.requests(route)) == 1


def test_nobody_listens(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.__exit__(None, None, None)
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert "cannot be reached (ConnectionError)" in one_line(caught)


def test_logs_hold_no_secrets(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, csv: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="swapdae")
    kaggle.fail(STORAGE, Fault(status=503), Fault(cut=10))
    kaggle.fail(UPLOAD, Fault(status=503))
    kaggle.fail("CreateSubmission", Fault(lost=True))
    host.fetch(competition(), directory, list(FILES))
    submit(host, csv, "m")
    assert "attempt 2" in caplog.text
    assert TOKEN not in caplog.text and "sesame" not in caplog.text
