from dataclasses import replace

import pytest

from swapdae.base.errors import UserError
from swapdae.competition.hosts import kaggle
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import download


def test_files_in_place_need_no_host(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kaggle, "KaggleHost", None)
    (report,) = download.main(run)
    assert report.metrics["n_train"] == 300 and report.metrics["n_test"] == 120
    assert report.metrics["duplicate_rows"] == 0 and report.metrics["rows"] is None


def test_missing_file_is_fetched_and_no_credentials_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.input / "test.csv").unlink()
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(run.paths.root / "nobody"))
    with pytest.raises(UserError, match=r"https://www\.kaggle\.com/settings"):
        download.main(run)


def test_changed_csv_is_noticed(run: Run) -> None:
    (first,) = download.main(run)
    train = run.input / "train.csv"
    train.write_text("\n".join(train.read_text().splitlines()[:-1]) + "\n")
    said: list[str] = []
    (second,) = download.main(replace(run, say=said.append))
    assert second.key != first.key and second.metrics["n_train"] == 299 and "changed: csv files" in said[0]


def test_rows_are_capped_and_recorded(run: Run) -> None:
    capped = replace(run, experiment=run.experiment.model_copy(update={"rows": 100}))
    (report,) = download.main(capped)
    assert report.metrics["rows"] == 100 and capped.table.n_train == len(capped.folds) == 100


def test_repeated_rows_are_told(run: Run) -> None:
    train = run.input / "train.csv"
    lines = train.read_text().splitlines()
    train.write_text("\n".join([*lines, "9999," + lines[1].split(",", 1)[1]]) + "\n")
    said: list[str] = []
    (report,) = download.main(replace(run, say=said.append))
    assert report.metrics["duplicate_rows"] == 1 and any("1 train rows repeat another" in line for line in said)
