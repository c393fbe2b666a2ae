from dataclasses import replace

import pandas as pd
import pytest

from pipeline_case import make
from swapdae.base.errors import UserError
from swapdae.competition.config import Columns
from swapdae.competition.hosts import kaggle
from swapdae.pipeline.run import Run


def test_files_in_place_need_no_host(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kaggle, "KaggleHost", None)
    (report,) = make(run, "download")
    assert report.metrics["n_train"] == 300 and report.metrics["n_test"] == 120
    assert report.metrics["duplicate_rows"] == 0 and report.metrics["rows"] is None


def test_missing_file_is_fetched_and_no_credentials_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.input / "test.csv").unlink()
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(run.paths.root / "nobody"))
    with pytest.raises(UserError, match=r"https://www\.kaggle\.com/settings"):
        make(run, "download")


def test_changed_csv_is_noticed(run: Run) -> None:
    (first,) = make(run, "download")
    train = run.input / "train.csv"
    train.write_text("\n".join(train.read_text().splitlines()[:-1]) + "\n")
    said: list[str] = []
    (second,) = make(replace(run, say=said.append), "download")
    assert second.key != first.key and second.metrics["n_train"] == 299 and "changed: train.csv" in said[0]


def test_rows_are_capped_and_recorded(run: Run) -> None:
    capped = replace(run, experiment=run.experiment.model_copy(update={"rows": 100}))
    (report,) = make(capped, "download")
    assert report.metrics["rows"] == 100 and capped.data.table.n_train == len(capped.data.folds) == 100


def test_repeated_rows_are_told(run: Run) -> None:
    train = run.input / "train.csv"
    lines = train.read_text().splitlines()
    train.write_text("\n".join([*lines, "9999," + lines[1].split(",", 1)[1]]) + "\n")
    said: list[str] = []
    (report,) = make(replace(run, say=said.append), "download")
    assert report.metrics["duplicate_rows"] == 1 and any("1 train rows repeat another" in line for line in said)


def test_found_dates_and_constant_columns_are_told(run: Run) -> None:
    days = pd.date_range("2024-01-01", periods=420, freq="D").strftime("%Y-%m-%d")
    for name, part in (("train", days[:300]), ("test", days[300:])):
        cells = pd.read_csv(run.input / f"{name}.csv")
        cells.assign(day=part, same=1).to_csv(run.input / f"{name}.csv", index=False)
    said: list[str] = []
    (report,) = make(replace(run, say=said.append), "download")
    assert report.metrics["dates"] == ["day"] and {"day_month", "day_weekday_spline0"} <= set(
        report.metrics["numerical"]
    )
    assert "download: read as dates: day; [columns] in competition.toml may say else" in said
    assert "download: one value in every train row: same; [columns] may drop such columns" in said


def test_columns_are_part_of_the_key(run: Run) -> None:
    (first,) = make(run, "download")
    columns = Columns(drop=("x4",), categorical=("x3",))
    other = replace(run, competition=run.competition.model_copy(update={"columns": columns}))
    (second,) = make(replace(other, say=print), "download")
    assert first.key != second.key
    assert "x4" not in second.metrics["numerical"] and second.metrics["categorical"] == ["x3", "c0", "c1", "c2", "c3"]
