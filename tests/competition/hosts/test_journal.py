"""What was sent is remembered by message; a journal that cannot be trusted stops everything."""

import json
from pathlib import Path

import pytest

from swapdae.base.errors import UserError
from swapdae.competition.hosts.journal import Journal


def test_each_message_has_its_own_entry(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.json")
    assert not journal.was_sent("a")
    journal.sending("a")
    journal.sending("b")
    journal.confirmed("b", 7)
    again = Journal(journal.file)
    assert (again.was_sent("a"), again.ref("a")) == (True, None)
    assert (again.was_sent("b"), again.ref("b")) == (True, 7)
    journal.refused("a")
    assert not again.was_sent("a") and again.ref("b") == 7
    journal.refused("b")
    assert not journal.file.exists()


def test_the_time_of_sending_is_written_down(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.json")
    journal.sending("a")
    journal.confirmed("a", 7)
    assert set(json.loads(journal.file.read_text())["a"]) == {"sent", "ref"}


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"a": 1}', b'{"a": {"sent'])
def test_damaged_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "journal.json"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"journal\.json: .*then delete this file"):
        Journal(file).was_sent("a")


def test_journal_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"journal\.json: cannot be"):
        Journal(tmp_path / "file" / "journal.json").sending("a")
