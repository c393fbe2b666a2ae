"""Archives, cuts, damage, full disks: what a download survives, and what it refuses."""

import io
import zipfile
from pathlib import Path
from typing import IO

import pytest

from fake_kaggle import STORAGE, FakeKaggle, Fault, archive_of
from kaggle_case import BRISK, FILES, SLUG, TRAIN, assert_fetched, competition, one_line
from swapdae.base.errors import UserError
from swapdae.competition.hosts.kaggle import KaggleHost
from swapdae.competition.hosts.kaggle_download import CHUNK, Download

pytest_plugins = ["kaggle_fixtures"]


def test_fetch_unpacks_an_archive(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.zipped = {"train.csv"}
    host.fetch(competition(), directory, list(FILES))
    assert_fetched(directory)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_that_is_an_archive_itself_stays_one(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, wrapped: bool
) -> None:
    packed = archive_of({"train.csv": TRAIN})
    kaggle.files[SLUG]["train.csv.zip"] = packed
    kaggle.zipped = {"train.csv.zip"} if wrapped else set()
    host.fetch(competition(files={"train": "train.csv.zip"}), directory, ["train.csv.zip"])
    assert (directory / "train.csv.zip").read_bytes() == packed


def test_unexpected_members_stay_packed(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.archives["train.csv"] = archive_of({"setup.py": b"", "train.csv": TRAIN, "a/train.csv": b""})
    host.fetch(competition(), directory, list(FILES))
    assert_fetched(directory)


@pytest.mark.parametrize("member", ["../train.csv", "/etc/train.csv", "a/../../b", "..\\b", "C:\\b"])
def test_members_that_would_land_outside_are_refused(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, member: str
) -> None:
    kaggle.archives["train.csv"] = archive_of({"train.csv": TRAIN, member: b"gotcha"})
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert "refused" in one_line(caught)
    assert not any(file.suffix in (".csv", ".arrived", ".part") for file in directory.parent.rglob("*"))


def test_archive_without_the_file(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.archives["train.csv"] = archive_of({"other.csv": TRAIN})
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert "only other.csv" in one_line(caught)


@pytest.mark.parametrize("stall", [None, 60])
@pytest.mark.parametrize("zipped", [False, True])
def test_cut_connection_is_resumed(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, zipped: bool, stall: float | None
) -> None:
    kaggle.zipped = {"train.csv"} if zipped else set()
    kaggle.fail(STORAGE, Fault(cut=CHUNK + 99, stall=stall))
    host.fetch(competition(), directory, list(FILES))
    assert_fetched(directory)
    assert f"bytes={CHUNK}-" in [logged.headers.get("Range") for logged in kaggle.requests(STORAGE)]


def test_next_process_resumes(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.fail(STORAGE, Fault(cut=CHUNK + 99))
    kaggle.fail("DownloadDataFile", Fault(), *[Fault(status=503)] * 2)
    with pytest.raises(UserError):
        host.fetch(competition(), directory, list(FILES))
    assert [file.name for file in directory.iterdir() if not file.name.startswith(".")] == []
    kaggle.log.clear()
    KaggleHost(BRISK).fetch(competition(), directory, list(FILES))
    assert_fetched(directory)
    ranges = [logged.headers.get("Range") for logged in kaggle.requests(STORAGE)]
    assert ranges == [None, f"bytes={CHUNK}-", None, None]


def test_part_of_another_version_is_dropped(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.files[SLUG]["train.csv"] = TRAIN[::-1]
    kaggle.fail(STORAGE, *[Fault(cut=CHUNK + 99)] * 9)
    with pytest.raises(UserError):
        host.fetch(competition(), directory, list(FILES))
    kaggle.files[SLUG]["train.csv"] = TRAIN
    kaggle._faults.clear()
    host.fetch(competition(), directory, list(FILES))
    assert_fetched(directory)


def test_damaged_archive_is_fetched_once_more(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.zipped = {"train.csv"}
    kaggle.fail(STORAGE, Fault(damage=True))
    host.fetch(competition(), directory, list(FILES))
    assert_fetched(directory)


def test_archive_damaged_twice(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.zipped = {"train.csv"}
    kaggle.fail(STORAGE, *[Fault(damage=True)] * 2)
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert "train.csv" in one_line(caught) and "damaged twice" in one_line(caught)
    assert len(kaggle.requests(STORAGE)) == 2
    assert not (directory / "train.csv").exists()


def test_cut_archive_on_the_host(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.archives["train.csv"] = archive_of({"train.csv": TRAIN})[:-300]
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert "damaged twice" in one_line(caught)


def _with_size(archive: bytes, size: int) -> bytes:
    """An archive of one member whose directory says that it holds `size` bytes."""
    entry = archive.index(b"PK\1\2")
    return archive[: entry + 24] + size.to_bytes(4, "little") + archive[entry + 28 :]


@pytest.mark.parametrize("said", [len(TRAIN) - 1, len(TRAIN) + 1])
def test_member_of_another_size_than_it_says(kaggle: FakeKaggle, host: KaggleHost, directory: Path, said: int) -> None:
    kaggle.archives["train.csv"] = _with_size(archive_of({"train.csv": TRAIN}), said)
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert "train.csv: arrived damaged twice" in one_line(caught)
    assert not any(directory.iterdir())


def test_archive_with_less_than_listed(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    kaggle.archives["train.csv"] = archive_of({"train.csv": TRAIN[:-6]})
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert f"{len(TRAIN) - 6} bytes unpacked" in one_line(caught)


@pytest.mark.parametrize("honest", [False, True])
def test_bomb_is_refused_while_unpacking(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, monkeypatch: pytest.MonkeyPatch, honest: bool
) -> None:
    """Whatever its directory says, no more than the listed bytes reach the disk."""
    bomb = archive_of({"train.csv": bytes(40_000_000)})
    kaggle.archives["train.csv"] = bomb if honest else _with_size(bomb, len(TRAIN))
    largest = 0
    copy = Download._copy

    def watched(self: Download, source: IO[bytes], sink: IO[bytes]) -> int:
        nonlocal largest
        try:
            return copy(self, source, sink)
        finally:
            largest = max(largest, sink.tell())

    monkeypatch.setattr(Download, "_copy", watched)
    with pytest.raises(UserError) as caught:
        host.fetch(competition(), directory, list(FILES))
    assert ("unpacks to more than" if honest else "damaged twice") in one_line(caught)
    assert len(kaggle.requests(STORAGE)) == (1 if honest else 2)
    assert 0 < largest <= len(TRAIN)
    assert not any(directory.iterdir())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_that_holds_the_file_twice(kaggle: FakeKaggle, host: KaggleHost, directory: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for content in (TRAIN, TRAIN[::-1]):
            archive.writestr("train.csv", content)
    kaggle.archives["train.csv"] = buffer.getvalue()
    with pytest.raises(UserError, match="holds it twice"):
        host.fetch(competition(), directory, list(FILES))


@pytest.mark.parametrize("zipped", [False, True])
def test_after_a_full_disk_the_next_run_goes_on(
    kaggle: FakeKaggle, host: KaggleHost, directory: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    kaggle.zipped = {"train.csv"} if zipped else set()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((Download, "_copy", full) if zipped else (Path, "replace", full)))
        with pytest.raises(OSError, match="No space left on device"):
            host.fetch(competition(), directory, list(FILES))
    assert not (directory / "train.csv").exists()
    arrived = (directory / ".train.csv.arrived").stat().st_size
    kaggle.log.clear()
    host.fetch(competition(), directory, list(FILES))
    assert_fetched(directory)
    # All of it had arrived, but a range cannot be empty.
    assert kaggle.requests(STORAGE)[1].headers["Range"] == f"bytes={arrived - 1}-"
