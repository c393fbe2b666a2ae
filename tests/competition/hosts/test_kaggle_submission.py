"""A creation without an answer: looked for, in this process or a later one, and never sent a second time."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fake_kaggle import FakeKaggle, Fault, Outcome
from kaggle_case import BRISK, SLUG, one_line, submit
from swapdae.base.errors import UserError
from swapdae.competition.hosts.journal import Journal
from swapdae.competition.hosts.kaggle import KaggleHost

pytest_plugins = ["kaggle_fixtures"]

ARRIVES = [Fault(lost=True), Fault(lost=True, stall=60)]
NEVER_ARRIVES = [Fault(status=502), Fault(stall=60), Fault(html=True)]


def journal_of(csv: Path) -> Journal:
    return Journal(csv.with_name("journal.json"))


@pytest.mark.parametrize("fault", ARRIVES, ids=["dropped", "silent"])
def test_lost_confirmation_is_found(kaggle: FakeKaggle, host: KaggleHost, csv: Path, fault: Fault) -> None:
    submit(host, csv, "an earlier one")
    kaggle.page_size = 1
    kaggle.outcomes.append(Outcome(public="0.5"))
    kaggle.fail("CreateSubmission", fault)
    assert submit(host, csv, "the one").public == 0.5
    assert [submission.description for submission in kaggle.submissions] == ["an earlier one", "the one"]
    assert journal_of(csv).ref("the one") == 1001


@pytest.mark.parametrize("fault", NEVER_ARRIVES, ids=["502", "silent", "html"])
def test_creation_that_never_shows_up_is_not_repeated(
    kaggle: FakeKaggle, host: KaggleHost, csv: Path, fault: Fault
) -> None:
    kaggle.fail("CreateSubmission", fault)
    for _ in range(3):
        with pytest.raises(UserError) as caught:
            submit(host, csv, "m")
        assert f"https://www.kaggle.com/c/{SLUG}/submissions" in one_line(caught)
        assert "running again looks again and sends nothing" in one_line(caught)
    assert len(kaggle.requests("CreateSubmission")) == 1
    assert len(kaggle.requests("ListSubmissions")) == 1 + 3 * BRISK.looks
    journal_of(csv).file.unlink()  # as the message says
    assert submit(host, csv, "m").ref == "1000"


@pytest.mark.parametrize("fault", ARRIVES, ids=["dropped", "silent"])
def test_creation_that_shows_up_late(kaggle: FakeKaggle, host: KaggleHost, csv: Path, fault: Fault) -> None:
    kaggle.late = BRISK.looks + 1
    kaggle.fail("CreateSubmission", fault)
    with pytest.raises(UserError, match="has not confirmed 'm'"):
        submit(host, csv, "m")
    assert submit(host, csv, "m").ref == "1000"
    assert len(kaggle.submissions) == len(kaggle.requests("CreateSubmission")) == 1


def test_another_submission_in_between_changes_nothing(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.late = 2 * BRISK.looks
    kaggle.fail("CreateSubmission", Fault(lost=True))
    with pytest.raises(UserError, match="has not confirmed 'm'"):
        submit(host, csv, "m")
    kaggle.late = 0
    assert submit(host, csv, "another").ref == "1001"
    assert submit(host, csv, "m").ref == "1000"
    assert len(kaggle.submissions) == 2


@pytest.mark.parametrize(("late", "fault"), [(0, ARRIVES[1]), (BRISK.looks + 1, ARRIVES[1]), (0, NEVER_ARRIVES[1])])
def test_killed_between_sending_and_answer(
    kaggle: FakeKaggle, host: KaggleHost, csv: Path, tmp_path: Path, late: int, fault: Fault
) -> None:
    kaggle.late = late
    kaggle.fail("CreateSubmission", fault)
    code = f"""
from dataclasses import replace
from pathlib import Path
from kaggle_case import BRISK, submit
from swapdae.competition.hosts.kaggle import KaggleHost
submit(KaggleHost(replace(BRISK, read=60)), Path({str(csv)!r}), "m")
"""
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, **kaggle.environment(tmp_path), "PYTHONPATH": paths}
    with subprocess.Popen([sys.executable, "-c", code], env=environment) as child:
        end = time.monotonic() + 60
        while not (kaggle.submissions if fault.lost else kaggle.requests("CreateSubmission")):
            assert child.poll() is None and time.monotonic() < end
            time.sleep(0.01)
        child.kill()
    assert journal_of(csv).was_sent("m") and journal_of(csv).ref("m") is None
    if late or not fault.lost:
        with pytest.raises(UserError, match="has not confirmed 'm'"):
            submit(host, csv, "m")
    if fault.lost:
        assert submit(host, csv, "m").ref == "1000"
    assert len(kaggle.requests("CreateSubmission")) == 1
    assert len(kaggle.submissions) == int(fault.lost)


def test_no_way_to_look(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("CreateSubmission", Fault(lost=True))
    kaggle.fail("ListSubmissions", Fault(), *[Fault(status=500)] * BRISK.attempts)
    with pytest.raises(UserError) as caught:
        submit(host, csv, "m")
    assert "may have arrived" in one_line(caught)
    assert submit(host, csv, "m").ref == "1000"
    assert len(kaggle.submissions) == len(kaggle.requests("CreateSubmission")) == 1


def test_confirmed_submission_is_neither_sent_nor_looked_for(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    first = submit(host, csv, "m")
    kaggle.log.clear()
    assert submit(host, csv, "m") == first
    assert {logged.route for logged in kaggle.log} == {"GetSubmission"}


def test_without_its_journal_it_is_known_by_its_message(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    first = submit(host, csv, "m")
    journal_of(csv).file.unlink()
    assert submit(host, csv, "m") == first
    assert len(kaggle.submissions) == 1


def test_refused_creation_is_final_and_leaves_no_journal(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    kaggle.fail("CreateSubmission", Fault(status=400, message="the competition is closed"))
    with pytest.raises(UserError) as caught:
        submit(host, csv, "m")
    assert "the competition is closed" in one_line(caught)
    assert len(kaggle.requests("CreateSubmission")) == 1
    assert not journal_of(csv).file.exists()


def test_creation_that_found_no_connection_leaves_no_journal(
    kaggle: FakeKaggle, host: KaggleHost, csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending = Journal.sending

    def and_the_line_drops(self: Journal, message: str) -> None:
        sending(self, message)
        kaggle.__exit__(None, None, None)

    monkeypatch.setattr(Journal, "sending", and_the_line_drops)
    with pytest.raises(UserError, match="cannot be reached"):
        submit(host, csv, "m")
    assert not journal_of(csv).file.exists()


def test_damaged_journal_sends_nothing(kaggle: FakeKaggle, host: KaggleHost, csv: Path) -> None:
    journal_of(csv).file.write_text("{")
    with pytest.raises(UserError, match="then delete this file"):
        submit(host, csv, "m")
    assert not kaggle.requests("CreateSubmission")


def test_patience_ends_the_looking(kaggle: FakeKaggle, csv: Path) -> None:
    kaggle.fail("CreateSubmission", Fault(status=500))
    with pytest.raises(UserError, match="has not confirmed"):
        submit(KaggleHost(replace(BRISK, looks=5)), csv, "m")
    assert len(kaggle.requests("ListSubmissions")) == 1 + 5
