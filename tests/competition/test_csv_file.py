from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition.csv_file import ids_of, read_csv, write_csv


def test_cells_are_read_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(b"\xef\xbb\xbfid,c\n1,NA\n2,\n03,1.50\n")
    frame = read_csv(file, ["id", "c"], "download")
    assert frame["id"].tolist() == ["1", "2", "03"] and frame["c"].tolist() == ["NA", "", "1.50"]


@pytest.mark.parametrize(
    "content",
    [b"", b"<html><body>log in</body></html>", b"id;c\n1;2\n", b"id,c,c\n1,2,3\n", b"id,c\n1,\xe9\n", b"id,c\n1\n"],
)
def test_what_is_no_table_is_refused_naming_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_csv(file, ["id", "c"], "download")
    assert "x.csv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("stage", ["download", "blend"])
def test_advice_names_the_stage_that_makes_the_file(tmp_path: Path, stage: str) -> None:
    file = tmp_path / "x.csv"
    with pytest.raises(UserError, match=rf"x\.csv: no such file; run the {stage} stage, which puts it there"):
        read_csv(file, ["id"], stage)
    file.touch()
    with pytest.raises(UserError, match=f"delete it and run the {stage} stage again"):
        read_csv(file, ["id"], stage)


def test_ids_are_numbers_only_if_they_print_back() -> None:
    assert ids_of(pd.Series(["1", "20"])).dtype == np.int64
    assert ids_of(pd.Series(["01", "20"])).tolist() == ["01", "20"]


def test_written_in_one_step(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"id": [1], "y": [0.5]}), tmp_path / "y.csv")
    assert (tmp_path / "y.csv").read_text() == "id,y\n1,0.5\n" and len(list(tmp_path.iterdir())) == 1
