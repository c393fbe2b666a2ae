"""One small competition on the fake Kaggle, shared by the tests of the Kaggle host."""

from pathlib import Path

import pytest

from fake_kaggle import KEY, TOKEN
from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.hosts.interface import Host, Score
from swapdae.competition.hosts.kaggle_requests import Patience

SLUG = "some-competition"
TRAIN = b"id,x,target\n" + b"".join(b"%d,%d,%d\n" % (row, row**3 % 99991, row**5 % 99989) for row in range(20_000))
FILES = {"train.csv": TRAIN, "test.csv": b"id,x\n7,8\n", "sample_submission.csv": b"id,target\n7,0\n"}
BRISK = Patience(connect=2, read=0.4, attempts=3, total=5, backoff=0.01, poll=0.01, looks=3, score=2)


def competition(**changes: object) -> Competition:
    fields = {"name": "some", "host": "kaggle", "slug": SLUG, "id": "id", "target": "target"}
    return Competition.model_validate({**fields, "task": "regression", "metric": "rmse", **changes})


def submit(host: Host, csv: Path, message: str) -> Score:
    """Hand in `csv`, with the journal beside it."""
    return host.submit(competition(), csv, message, csv.with_name("journal.json"))


def assert_fetched(directory: Path) -> None:
    """Every file is there, true to the byte, and nothing else."""
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == FILES


def one_line(caught: pytest.ExceptionInfo[UserError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    assert TOKEN not in message and KEY not in message and "sesame" not in message
    return message
