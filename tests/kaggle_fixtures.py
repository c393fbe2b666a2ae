"""Fixtures of the tests of the Kaggle host, for `pytest_plugins = ["kaggle_fixtures"]`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_kaggle import FakeKaggle
from kaggle_case import BRISK, FILES, SLUG
from swapdae.competition.hosts.kaggle import KaggleHost


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
