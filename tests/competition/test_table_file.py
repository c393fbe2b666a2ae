"""The same table from a CSV, a packed CSV and a parquet file; damage is refused in one line."""

import bz2
import gzip
import lzma
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition import packed
from swapdae.competition.config import Competition
from swapdae.competition.csv_file import cell_error, read_csv
from swapdae.competition.table import read_table
from swapdae.competition.table_file import read_cells

CSV = "id,n,city\na1,1.50,NA\na2,,Köln\n"


def zipped(content: bytes, *, names: tuple[str, ...] = ("x.csv",)) -> bytes:
    from io import BytesIO

    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
    "GZ": gzip.compress,
}


def put(directory: Path, name: str, content: bytes) -> Path:
    file = directory / name
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("end", PACKERS)
def test_a_packed_csv_reads_as_the_plain_one(tmp_path: Path, end: str) -> None:
    plain = read_csv(put(tmp_path, "x.csv", CSV.encode()), ["id"], "download")
    file = put(tmp_path, f"x.csv.{end}", PACKERS[end](CSV.encode()))
    pd.testing.assert_frame_equal(read_cells(file, ["id"], "download"), plain)
    assert plain["city"].tolist() == ["NA", "Köln"]


@pytest.mark.parametrize("end", PACKERS)
def test_a_packed_csv_is_scanned_as_strictly(tmp_path: Path, end: str) -> None:
    for content, message in (
        (b"id,n\na,1\nb\n", "line 3: the line has 1 fields and not 2"),
        (b"id,n,n\na,1,2\n", "column 'n' occurs more than once"),
        (b"id,n\na,\xe9\n", "line 2: not UTF-8"),
        (b"", "the file is empty"),
    ):
        with pytest.raises(UserError, match=message):
            read_cells(put(tmp_path, f"x.csv.{end}", PACKERS[end](content)), ["id"], "download")


@pytest.mark.parametrize("end", PACKERS)
def test_a_cut_or_wrong_archive_is_one_line(tmp_path: Path, end: str) -> None:
    whole = PACKERS[end](CSV.encode() * 50)
    for content in (whole[: len(whole) // 2], CSV.encode(), b""):
        if end == "bz2" and not content:
            continue  # nothing, packed, is nothing for bz2: an empty file, tested above
        with pytest.raises(UserError, match=rf"x\.csv\.{end}: ") as caught:
            read_cells(put(tmp_path, f"x.csv.{end}", content), ["id"], "download")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("end", PACKERS)
def test_what_unpacks_to_too_much_is_refused(tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path, f"x.csv.{end}", PACKERS[end](CSV.encode()))
    monkeypatch.setattr(packed, "MOST_BYTES", len(CSV.encode()))
    assert len(read_cells(file, ["id"], "download")) == 2
    monkeypatch.setattr(packed, "MOST_BYTES", len(CSV.encode()) - 1)
    with pytest.raises(UserError, match=rf"x\.csv\.{end}: unpacks to over"):
        read_cells(file, ["id"], "download")


def test_an_archive_of_two_files_and_one_with_what_macos_adds(tmp_path: Path) -> None:
    two = zipped(CSV.encode(), names=("a.csv", "b.csv"))
    with pytest.raises(UserError, match="holds 2 files; pack one file alone"):
        read_cells(put(tmp_path, "x.zip", two), ["id"], "download")
    mac = zipped(CSV.encode(), names=("a.csv", "__MACOSX/._a.csv"))
    assert len(read_cells(put(tmp_path, "y.zip", mac), ["id"], "download")) == 2


@pytest.mark.parametrize("name", ["x.csv.gz", "x.zip", "x.parquet"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no such file; run the download stage, which puts it there"):
        read_cells(tmp_path / name, ["id"], "download")


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "whole": pd.array([1, None, -3], dtype="Int64"),
            "half": [0.1, np.nan, 1e300],
            "single": np.array([0.1, 2.0, 3e-9], dtype=np.float32),
            "city": pd.Categorical(["Rome", None, "NA"]),
            "yes": [True, False, True],
            "day": pd.DatetimeIndex(["2024-01-31", "NaT", "2024-02-01"]),
            "at": pd.DatetimeIndex(["2024-01-31 10:00", "NaT", "2024-02-01 00:00"], tz="Europe/Rome"),
        },
        index=pd.Index([7, 9, 4]),
    )


def test_cells_of_a_parquet_file(tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "x.parquet")
    cells = read_cells(tmp_path / "x.parquet", ["id"], "download")
    assert list(cells) == list(frame())  # without the index, which has no name
    assert cells["whole"].tolist() == ["1", "", "-3"]
    assert cells["city"].tolist() == ["Rome", "", "NA"]
    assert cells["yes"].tolist() == ["true", "false", "true"]
    assert [float(cell) for cell in cells["half"] if cell] == [0.1, 1e300]
    assert [np.float32(cell) for cell in cells["single"]] == frame()["single"].tolist()
    assert set(cells.dtypes) == {read_csv(put(tmp_path, "x.csv", CSV.encode()), ["id"], "x")["id"].dtype}
    for name in ("day", "at"):
        found = pd.to_datetime(cells[name], format="ISO8601", utc=True)
        assert found.equals(pd.to_datetime(frame()[name], utc=True).reset_index(drop=True).astype(found.dtype))


def test_a_table_of_parquet_files_is_that_of_the_csvs(tmp_path: Path) -> None:
    train = pd.DataFrame({"id": [1, 2, 3, 4], "n": [0.1, 0.2, np.nan, 4], "c": list("abab"), "y": [1.5, 2, 3, 4]})
    test = pd.DataFrame({"id": [5, 6], "n": [0.3, 1], "c": ["a", None]})
    sample = pd.DataFrame({"id": [6, 5], "y": [0, 0]})
    for name, made in (("train", train), ("test", test), ("sample", sample)):
        made.to_csv(tmp_path / f"{name}.csv", index=False)
        made.to_csv(tmp_path / f"{name}.csv.xz", index=False)
        made.to_parquet(tmp_path / f"{name}.parquet")
    tables = []
    for end in ("csv", "csv.xz", "parquet"):
        files = {name: f"{name}.{end}" for name in ("train", "test", "sample")}
        given = {"name": "a", "host": "kaggle", "slug": "a", "id": "id", "target": "y", "files": files}
        competition = Competition.model_validate({**given, "task": "regression", "metric": "rmse"})
        tables.append(read_table(competition, tmp_path))
    for other in tables[1:]:
        for part in ("train", "test"):
            pd.testing.assert_frame_equal(getattr(other, part), getattr(tables[0], part))
        assert other.sample["id"].tolist() == tables[0].sample["id"].tolist() == [6, 5]
        assert other.train_ids.dtype == np.int64 and other.train_ids.tolist() == [1, 2, 3, 4]
        np.testing.assert_array_equal(other.y, tables[0].y)


def test_damaged_and_strange_parquet_files(tmp_path: Path) -> None:
    frame().to_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for content in (whole[:-40], CSV.encode(), b""):
        with pytest.raises(UserError, match=r"x\.parquet: is no whole parquet file .*delete it") as caught:
            read_cells(put(tmp_path, "x.parquet", content), ["id"], "download")
        assert "\n" not in str(caught.value)
    for strange, message in (
        (pd.DataFrame({"id": ["a"], "list": [[1, 2]]}), "x.parquet, column 'list': cannot be read as text"),
        (pd.DataFrame({"id": [], "n": []}), "x.parquet: columns without rows"),
        (pd.DataFrame({"id": [1]}), "x.parquet: only one column, 'id'"),
    ):
        strange.to_parquet(tmp_path / "x.parquet")
        with pytest.raises(UserError, match=message):
            read_cells(tmp_path / "x.parquet", ["id"], "download")


def test_a_wrong_cell_of_a_parquet_file_is_named_by_row(tmp_path: Path) -> None:
    cells = pd.Series(["1", "x"], name="n")
    for name, place in (("x.parquet", "row 2"), ("x.csv", "line 3"), ("x.csv.gz", "line 3")):
        error = cell_error(tmp_path / name, cells, cells == "x", "is odd")
        assert f"{name}, {place}, column 'n': 'x' is odd" in str(error)


def test_without_pyarrow_the_command_that_brings_it_is_named(tmp_path: Path) -> None:
    file = put(tmp_path, "x.parquet", b"")
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path; from swapdae.competition.table_file import read_cells\n"
        f"read_cells(Path({str(file)!r}), ['id'], 'download')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    last = ended.stderr.strip().splitlines()[-1]
    assert "x.parquet: reading parquet needs pyarrow; `pip install 'swapdae[parquet]'` brings it" in last
