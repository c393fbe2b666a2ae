"""Archives, cuts, damage, full disks: what a download survives, and what it refuses."""

import shutil
from pathlib import Path

import pytest

from fake_kaggle import STORAGE, FakeKaggle, Fault, archive_of
from kaggle_case import BRISK, SLUG, TRAIN, assert_fetched, competition, one_line
from swapdae.base.errors import UserError
from swapdae.competition.hosts.kaggle import KaggleHost
from swapdae.competition.hosts.kaggle_download import CHUNK, git_blob_sha1

pytest_plugins = ["kaggle_fixtures"]


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


def test_cut_archive_on_the_host(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.archives["train.csv"] = archive_of({"train.csv": TRAIN})[:-300]
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
