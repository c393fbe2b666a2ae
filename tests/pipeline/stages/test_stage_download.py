from dataclasses import replace

import pytest

from pipeline_case import make
from swapdae.base.errors import UserError
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
