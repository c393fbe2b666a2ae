"""What stands in input/<competition>/: fetched once, never overwritten, and still what it was."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from fake_kaggle import STORAGE, FakeKaggle, Fault
from kaggle_case import BRISK, FILES
from kaggle_case import competition as kaggle_competition
from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.download import FETCHED, FETCHING, ensure_files, file_hashes, git_blob_sha1
from swapdae.competition.hosts import HOSTS
from swapdae.competition.hosts.interface import Host, Score
from swapdae.competition.hosts.kaggle import KaggleHost

pytest_plugins = ["kaggle_fixtures"]


class Mine(Host):
    """Writes FILES, and remembers what it was asked for. before: what happens first."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.before: Callable[[Path], None] = lambda directory: None
        self.files = dict(FILES)

    def fetch(self, competition: Competition, directory: Path, names: Sequence[str]) -> None:
        self.asked.append(list(names))
        self.before(directory)
        for name in names:
            if name in self.files:
                (directory / name).write_bytes(self.files[name])

    def submit(self, competition: Competition, csv: Path, message: str, journal: Path) -> Score:
        raise NotImplementedError

    def score(self, competition: Competition, submission: pd.DataFrame, directory: Path) -> Score:
        raise NotImplementedError


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> Mine:
    """A host from outside the package: a name in the registry is all it takes."""
    host = Mine()
    monkeypatch.setitem(HOSTS, "mine", lambda: host)
    return host


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "input" / "some"
    folder.mkdir(parents=True)
    return folder


def competition(**changes: object) -> Competition:
    return kaggle_competition(**{"host": "mine", **changes})


def silent(line: str) -> None:
    pass


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.glob("[!.]*")}


def test_fetched_once_and_recorded(mine: Mine, directory: Path) -> None:
    said: list[str] = []
    hashes = ensure_files(competition(), directory, said.append)
    assert contents(directory) == FILES and not (directory / FETCHING).exists()
    assert json.loads((directory / FETCHED).read_text()) == hashes
    assert [line.split(": ")[1] for line in said] == ["fetching train.csv, test.csv, sample_submission.csv from mine"]
    assert ensure_files(competition(), directory, silent) == hashes == file_hashes(competition(), directory)
    assert len(mine.asked) == 1


def test_files_of_the_user_stay(mine: Mine, directory: Path) -> None:
    (directory / "test.csv").write_bytes(b"mine")
    hashes = ensure_files(competition(), directory, silent)
    assert mine.asked == [["train.csv", "sample_submission.csv"]]
    assert contents(directory) == {**FILES, "test.csv": b"mine"}
    assert set(json.loads((directory / FETCHED).read_text())) == set(hashes) - {"test.csv"}
    (directory / "test.csv").write_bytes(b"mine, again")  # no business of ours
    ensure_files(competition(), directory, silent)


def test_all_in_place_needs_no_host_and_writes_nothing(directory: Path) -> None:
    for name, content in FILES.items():
        (directory / name).write_bytes(content)
    ensure_files(kaggle_competition(), directory, silent)
    assert {file.name for file in directory.iterdir()} == set(FILES)


def test_file_that_is_not_what_was_fetched(mine: Mine, directory: Path) -> None:
    ensure_files(competition(), directory, silent)
    train = directory / "train.csv"
    train.write_bytes(train.read_bytes()[:-6])
    with pytest.raises(
        UserError, match=r"train\.csv: is not what was fetched; delete it .*, or delete \.fetched\.json"
    ):
        ensure_files(competition(), directory, silent)
    train.unlink()
    ensure_files(competition(), directory, silent)
    assert contents(directory) == FILES
    train.write_bytes(b"mine")
    (directory / FETCHED).unlink()
    ensure_files(competition(), directory, silent)
    assert train.read_bytes() == b"mine"


def test_file_that_appears_while_it_is_fetched_stays(mine: Mine, directory: Path) -> None:
    def meanwhile(_: Path) -> None:
        (directory / "train.csv").write_text("mine")

    mine.before = meanwhile
    with pytest.raises(UserError, match="is not what was fetched"):
        ensure_files(competition(), directory, silent)
    assert (directory / "train.csv").read_text() == "mine"


def test_known_file_put_there_by_hand(directory: Path) -> None:
    for name, content in FILES.items():
        (directory / name).write_bytes(content)
    train = directory / "train.csv"
    known = kaggle_competition(git_blob_sha1={"train.csv": git_blob_sha1(train)})
    ensure_files(known, directory, silent)
    train.write_bytes(train.read_bytes().rsplit(b"\n", 2)[0] + b"\n")  # cut at the end of a line
    with pytest.raises(UserError, match=r"train\.csv: is not the known file"):
        ensure_files(known, directory, silent)


def test_fetched_file_that_is_not_the_known_one_is_not_kept(mine: Mine, directory: Path) -> None:
    with pytest.raises(UserError, match=r"train\.csv: is not the known file"):
        ensure_files(competition(git_blob_sha1={"train.csv": "0" * 40}), directory, silent)
    assert not contents(directory) and not list(directory.rglob("train.csv"))


def test_git_blob_sha1(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert git_blob_sha1(tmp_path / "empty") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_hash_of_what_is_not_there(directory: Path) -> None:
    assert file_hashes(kaggle_competition(), directory) == dict.fromkeys(FILES, "absent")


def test_two_at_a_time(mine: Mine, directory: Path) -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def slowly(_: Path) -> None:
        at_work.set()
        assert go_on.wait(20)

    mine.before = slowly
    first = threading.Thread(target=ensure_files, args=(competition(), directory, silent))
    first.start()
    assert at_work.wait(20)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        go_on.set()

    ensure_files(competition(), directory, say)
    first.join()
    assert len(mine.asked) == 1 and contents(directory) == FILES
    assert len(said) == 1 and "waiting" in said[0]


def test_what_a_killed_fetch_left_is_swept(mine: Mine, directory: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from swapdae.competition.hosts import HOSTS
from swapdae.competition.download import ensure_files
from test_download import Mine, competition, silent
def half(directory):
    (directory / ".train.csv.part").write_text("id,")
    os.kill(os.getpid(), signal.SIGKILL)
host = Mine()
host.before = half
HOSTS["mine"] = lambda: host
ensure_files(competition(), Path({str(directory)!r}), silent)
"""
    environment = {"PYTHONPATH": ":".join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -9
    assert (directory / FETCHING / ".train.csv.part").exists() and not contents(directory)
    ensure_files(competition(), directory, silent)
    assert contents(directory) == FILES and not (directory / FETCHING).exists()


def test_leftovers_are_swept_also_where_nothing_is_missing(directory: Path) -> None:
    for name, content in FILES.items():
        (directory / name).write_bytes(content)
    (directory / FETCHING).mkdir()
    ensure_files(kaggle_competition(), directory, silent)
    assert contents(directory) == FILES and not (directory / FETCHING).exists()


def test_interrupted_download_goes_on(kaggle: FakeKaggle, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HOSTS, "kaggle", lambda: KaggleHost(BRISK))
    kaggle.fail(STORAGE, Fault(), Fault(), *[Fault(status=503)] * BRISK.attempts)
    with pytest.raises(UserError, match="503"):
        ensure_files(kaggle_competition(), directory, silent)
    assert not contents(directory)
    ensure_files(kaggle_competition(), directory, silent)
    assert contents(directory) == FILES and not (directory / FETCHING).exists()
    assert len(kaggle.requests(STORAGE)) == 2 + BRISK.attempts + 1


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("nowhere")], ids=["folder", "broken link"])
def test_name_that_is_taken_by_no_file(mine: Mine, directory: Path, make: Callable[[Path], None]) -> None:
    make(directory / "train.csv")
    with pytest.raises(UserError, match=r"train\.csv: is not a file"):
        ensure_files(competition(), directory, silent)
    assert not mine.asked


def test_host_that_does_not_bring_a_file(mine: Mine, directory: Path) -> None:
    del mine.files["test.csv"]
    with pytest.raises(UserError, match=r"mine did not bring 'test\.csv'"):
        ensure_files(competition(), directory, silent)
    assert not contents(directory)


def test_full_disk_is_one_line(mine: Mine, directory: Path) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    mine.before = full
    with pytest.raises(UserError, match=r"some: cannot be written \(No space left on device\)"):
        ensure_files(competition(), directory, silent)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_damaged_record(directory: Path, content: str) -> None:
    (directory / FETCHED).write_text(content)
    with pytest.raises(UserError, match=r"\.fetched\.json: cannot be read; delete it"):
        file_hashes(kaggle_competition(), directory)
